-- Golden rows: what could name a customer goes, the rest stays. Written with made-up people and numbers.
with golden (given, expected) as (
    values
    -- addresses
    ('mail me at cora.imagina+shop@mail.example please', 'mail me at [email] please'),
    ('Cora@Mail.Example.', '[email].'),
    ('cora@mail.example,dora@mail.example', '[email],[email]'),
    ('<b>mailto:cora@mail.example</b>', '<b>mailto:[email]</b>'),
    ('jörg@müller.example', '[email]'),
    ('Доре: дора@почта.example, 例え@例え.example', 'Доре: [email], [email]'),
    ('cora.o''imagina@mail.example', '[email]'),
    ('cora@localhost', '[email]'),
    ('<cora@mail.example>;"dora@mail.example"', '<[email]>;"[email]"'),
    ('ｃｏｒａ＠ｍａｉｌ．ｅｘａｍｐｌｅ', '[email]'),
    ('co' || chr(8203) || 'ra@ma' || chr(173) || 'il.exam' || chr(8288) || 'ple', '[email]'),
    -- spelt out
    ('cora (at) mail dot example', '[email]'),
    ('cora[at]mail[dot]example', '[email]'),
    ('Cora.Imagina AT mail DOT co DOT example', '[email]'),
    ('cora at mail dot example', '[email]'),
    ('cora @ mail.example, cora {at} mail.example', '[email], [email]'),
    ('cora@mail (dot) example', '[email]'),
    -- links, whatever they hold
    ('see https://t.example/AbC1?user=cora#1 ok', 'see [link] ok'),
    ('HTTP://T.Example/a', '[link]'),
    ('Www.example.com/cora', '[link]'),
    ('instagram.com/cora_imagina and t.co/abc', '[link] and [link]'),
    ('ftp://cora:secret@files.example, hxxps://t.example/cora', '[link] [link]'),
    ('wa.me/447700900123', '[link]'),
    -- handles
    ('@TidewellCare hello', '[handle] hello'),
    ('.@cora_imagina, (@dora1)', '.[handle], ([handle])'),
    ('thanks @cora' || chr(10) || '@dora.imagina' || chr(13) || chr(10) || '＠eva', 'thanks [handle]' || chr(10) || '[handle]' || chr(13) || chr(10) || '[handle]'),
    ('@cora@social.example', '@[email]'),
    -- telephones
    ('call +44 7700 900123', 'call [number]'),
    ('+447700900123', '[number]'),
    ('0171/1234567 or 555-123-4567 or 555.123.4567', '[number] or [number] or [number]'),
    ('call 555–123–4567, or 0171 1234567', 'call [number], or [number]'),
    ('(555) 123-4567', '[number]'),
    ('0171 - 1234567', '[number]'),
    ('+44 (0)20 7946 0958', '[number]'),
    ('٠١٢٣٤٥٦٧ ０１２３４５６７', '[number]'),
    ('०१२३४५६७ or ๐๑๒๓๔๕๖๗ or 𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕', '[number] or [number] or [number]'),
    ('0 7 7 0 0 9 0 0 1 2 3', '[number]'),
    ('07700_900_123, 07700*900*123, 07700~900|123', '[number], [number], [number]'),
    ('07700' || chr(160) || '900' || chr(8239) || '123 and 077' || chr(8203) || '00 90' || chr(8203) || '0123', '[number] and [number]'),
    ('0️⃣7️⃣7️⃣0️⃣0️⃣9️⃣', '[number]️⃣'),
    -- cards and accounts
    ('card 4111 1111 1111 1111', 'card [number]'),
    ('4111-1111-1111-1111!', '[number]!'),
    ('IBAN GB82 WEST 1234 5698 7654 32', 'IBAN [number]'),
    ('DE89370400440532013000', '[number]'),
    ('NL91ABNA0417164300.', '[number].'),
    ('4111.1111.1111.1111, 4111/1111/1111/1111, 4111 - 1111 - 1111 - 1111', '[number], [number], [number]'),
    ('4111–1111–1111–1111', '[number]'),
    ('de89 3704 0044 0532 0130 00', 'de[number]'),
    ('DE89-3704-0044-0532-0130-00', 'DE[number]'),
    ('£4111111111111111', '£[number]'),
    ('4111' || chr(57344) || ' 1111 1111 1111', '[number]'),
    -- orders
    ('order 12345678', 'order [number]'),
    ('order TW-2025-001234', 'order TW-[number]'),
    ('#123456', '#[number]'),
    ('AB-12345, AB_12345 and TW-A4711', '[number], [number] and [number]'),
    ('#A1B2C3, #1234 and #AB-12', '[number], [number] and [number]'),
    ('booking X7K9Q2, A1B2C3D4', 'booking [number], [number]'),
    ('order 12345', 'order [number]'),
    ('Order no. 4711, invoice number: 10023, order #A-9981', 'Order no. [number], invoice number: [number], order #[number]'),
    ('my reference is ab12345', 'my reference is [number]'),
    -- what stays
    ('and/or 1/2, a.b/c v1.2.3/4', 'and/or 1/2, a.b/c v1.2.3/4'),
    ('since 2026-03-01, until 01.03.2026 or 3/1/2026, in 2025-2026 and 2025/2026', 'since 2026-03-01, until 01.03.2026 or 3/1/2026, in 2025-2026 and 2025/2026'),
    ('on 2026-03-01 14:30 and 2026-03-02T14:30:15', 'on 2026-03-01 14:30 and 2026-03-02T14:30:15'),
    ('$125000, £1200500.50, €99999 and 10,000,000 people', '$125000, £1200500.50, €99999 and 10,000,000 people'),
    ('12345 steps, 2 orders in 2025, order 2 of these, order 2026', '12345 steps, 2 orders in 2025, order 2 of these, order 2026'),
    ('#BlackFriday2025 #covid19 #1 PS5 A4 4K MP3', '#BlackFriday2025 #covid19 #1 PS5 A4 4K MP3'),
    ('at home at noon, a dot and a dash', 'at home at noon, a dot and a dash'),
    ('🤷‍♀️ 👨‍👩‍👧 می‌خواهم 5', '🤷‍♀️ 👨‍👩‍👧 می‌خواهم 5'),
    -- what goes and need not: the price of it
    ('100000 followers, 1.200.500 of them, ISO-9001, #COVID19, COVID2019', '[number] followers, [number] of them, [number], [number], [number]'),
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
