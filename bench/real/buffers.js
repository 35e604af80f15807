// Objects, strings and Buffers (whose bytes come from malloc). Argument: thousands of rounds.
const rounds = Number(process.argv[2]) * 1000;
const kept = [];
let total = 0;
for (let i = 0; i < rounds; i++) {
    const bytes = Buffer.allocUnsafeSlow(64 + (i * 7919) % 20000);
    bytes.fill(i & 255);
    const row = { id: i, text: `row ${i} `.repeat(i % 9), bytes, list: [i, i + 1, { deep: i }] };
    total += row.text.length + bytes[bytes.length - 1];
    kept[i % 2000] = row;
}
total += JSON.stringify(kept.map((row) => [row.id, row.text, row.list])).length;
console.log(total);
