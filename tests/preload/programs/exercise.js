// SPDX-License-Identifier: MIT
//
// Owns a node workload that checks itself and prints one digest: Buffers and ArrayBuffers, worker
// threads that hand memory over, JSON, zlib and brotli round trips, crypto, child processes.
'use strict';
const assert = require('assert');
const { execFileSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const LIBRARY = process.env.EXPECT_LIBRARY;
const digest = crypto.createHash('sha256');

function fill(size, seed) {
    const buffer = Buffer.allocUnsafeSlow(size);
    for (let i = 0; i < size; i++) buffer[i] = (seed + i * 31) & 255;
    return buffer;
}

function buffers() {
    const kept = [];
    for (let i = 0; i < 20000; i++) {
        const size = (i * 7919) % 3000;
        kept[i % 500] = Buffer.alloc(size, i & 255);
        const other = kept[(i * 31) % 500];
        if (other && other.length) assert.strictEqual(other[0], other[other.length - 1]);
    }
    for (let size = 1; size < 8 << 20; size = size * 2 + 1) {
        digest.update(fill(size, size & 255));
    }
}

function json() {
    const rows = [];
    for (let i = 0; i < 20000; i++) rows.push({ id: i, text: 'x'.repeat(i % 90), list: [i, [i]] });
    const text = JSON.stringify(rows);
    assert.deepStrictEqual(JSON.parse(text), rows);
    digest.update(text);
}

function compression() {
    const data = fill(700000, 5);
    const trips = [
        [zlib.deflateSync, zlib.inflateSync, { level: 9 }],
        [zlib.gzipSync, zlib.gunzipSync, { level: 1 }],
        [zlib.brotliCompressSync, zlib.brotliDecompressSync,
            { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }],
    ];
    for (const [pack, unpack, options] of trips) {
        for (const size of [0, 1, 1000, 65536, 700000]) {
            const packed = pack(data.subarray(0, size), options);
            assert.ok(unpack(packed).equals(data.subarray(0, size)));
            digest.update(packed);
        }
    }
    for (let i = 0; i < 300; i++) zlib.inflateSync(zlib.deflateSync(data.subarray(i, i + 2000)));
}

function keys() {
    for (let i = 0; i < 50; i++) {
        const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const signature = crypto.sign('sha256', Buffer.from('text'), pair.privateKey);
        assert.ok(crypto.verify('sha256', Buffer.from('text'), pair.publicKey, signature));
    }
    digest.update(crypto.scryptSync('password', 'salt', 64));
}

function work() {
    let sum = 0;
    for (let round = 0; round < 40; round++) {
        const objects = new Map();
        for (let i = 0; i < 500; i++) objects.set('key' + i, fill(i * 3, round + workerData));
        for (const [, value] of objects) sum += value.length;
    }
    const packed = zlib.deflateSync(fill(300000, workerData));
    const copy = new Uint8Array(packed);
    // The memory moves to the parent, which frees it.
    parentPort.postMessage({ sum, copy }, [copy.buffer]);
}

async function workers() {
    for (let round = 0; round < 3; round++) {
        const results = await Promise.all([0, 1, 2, 3].map((seed) => new Promise((done, failed) => {
            const worker = new Worker(__filename, { workerData: seed });
            let answer;
            worker.on('message', (message) => { answer = message; });
            worker.on('error', failed);
            worker.on('exit', (code) => (code === 0 ? done(answer) : failed(new Error('' + code))));
        })));
        results.forEach(({ sum, copy }, seed) => {
            assert.ok(zlib.inflateSync(copy).equals(fill(300000, seed)));
            digest.update(sum + ' ' + copy.length);
        });
    }
}

function children() {
    for (let i = 0; i < 3; i++) {
        const code = `console.log(Buffer.alloc(${i + 1}000000, 7).reduce((a, b) => a + b))`;
        const options = { stdio: ['ignore', 'pipe', 2] };
        digest.update(execFileSync(process.execPath, ['-e', code], options));
    }
}

async function main() {
    if (LIBRARY) assert.ok(fs.readFileSync('/proc/self/maps', 'utf8').includes(LIBRARY));
    buffers();
    json();
    compression();
    keys();
    await workers();
    children();
    console.log(digest.digest('hex'));
}

if (isMainThread) main(); else work();
