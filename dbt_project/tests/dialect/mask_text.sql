-- Golden rows: what could name a customer goes, the rest stays. Written with made-up people and numbers.
with golden (given, expected) as (
    values
    -- addresses
    ('mail me at cora.imagina+shop@mail.example please', 'mail me at [email] please'),
    ('Cora@Mail.Example.', '[email].'),
    ('cora@mail.example,dora@mail.example', '[email],[email]'),
    ('<b>mailto:cora@mail.example</b>', '<b>mailto:[email]</b>'),
    ('jörg@müller.example', '[email]'),
    -- links, whatever they hold
    ('see https://t.example/AbC1?user=cora#1 ok', 'see [link] ok'),
    ('HTTP://T.Example/a', '[link]'),
    ('Www.example.com/cora', '[link]'),
    ('instagram.com/cora_imagina and t.co/abc', '[link] and [link]'),
    -- handles
    ('@TidewellCare hello', '[handle] hello'),
    ('.@cora_imagina, (@dora1)', '.[handle], ([handle])'),
    -- telephones
    ('call +44 7700 900123', 'call [number]'),
    ('+447700900123', '[number]'),
    ('0171/1234567 or 555-123-4567 or 555.123.4567', '[number] or [number] or [number]'),
    ('call 555–123–4567, or 0171 1234567', 'call [number], or [number]'),
    ('(555) 123-4567', '[number]'),
    ('0171 - 1234567', '[number]'),
    ('+44 (0)20 7946 0958', '[number]'),
    ('٠١٢٣٤٥٦٧ ０１２３４５６７', '[number]'),
    -- cards and accounts
    ('card 4111 1111 1111 1111', 'card [number]'),
    ('4111-1111-1111-1111!', '[number]!'),
    ('IBAN GB82 WEST 1234 5698 7654 32', 'IBAN [number]'),
    ('DE89370400440532013000', '[number]'),
    ('NL91ABNA0417164300.', '[number].'),
    -- orders
    ('order 12345678', 'order [number]'),
    ('order TW-2025-001234', 'order TW-[number]'),
    ('#123456', '#[number]'),
    -- what stays
    ('and/or 1/2, a.b/c v1.2.3/4', 'and/or 1/2, a.b/c v1.2.3/4'),
    ('order 12345', 'order 12345'),
    ('open 24/7, from 9 to 17:30', 'open 24/7, from 9 to 17:30'),
    ('it cost 1,200.50 pounds', 'it cost 1,200.50 pounds'),
    ('2 of 5 parcels in 2026', '2 of 5 parcels in 2026'),
    ('a @ b, {% raw %}{{ticket.requester.name}}{% endraw %} 100 %', 'a @ b, {% raw %}{{ticket.requester.name}}{% endraw %} 100 %'),
    ('COVID19 IPV6 HTML5', 'COVID19 IPV6 HTML5'),
    ('two' || chr(10) || 'lines and ''quotes''', 'two' || chr(10) || 'lines and ''quotes'''),
    ('', ''),
    (null, null)
),

answers as (
    select given, expected, {{ mask_text('given') }} as got
    from golden
)

select * from answers where got is distinct from expected

union all

-- what is masked already stays as it is
select given, expected, {{ mask_text('expected') }} as got
from golden
where {{ mask_text('expected') }} is distinct from expected
