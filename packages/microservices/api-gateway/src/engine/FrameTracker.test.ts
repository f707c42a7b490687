import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameTracker } from './FrameTracker.ts';

function frame(opcode: number, length: number, isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, mask | length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, mask | 126, length >> 8, length & 0xff])
        : Buffer.from([0x80 | opcode, mask | 127, 0, 0, 0, 0, (length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff]);
  return Buffer.concat([head, Buffer.alloc((isMasked ? 4 : 0) + length, 0x88)]);
}

test('finds the end of the last whole frame, however the bytes are cut', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 9), fc.constantFrom(0, 1, 125, 126, 300, 65_535, 65_536), fc.boolean()), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 20 }), (list, cuts) => {
      const parts = list.map(([opcode, length, isMasked]) => frame(opcode, length, isMasked));
      const ends = new Set([0]);
      let at = 0;
      for (const part of parts) ends.add((at += part.length));
      const bytes = Buffer.concat(parts);
      const tracker = new FrameTracker();
      for (let offset = 0, i = 0; offset < bytes.length; i += 1) {
        const chunk = bytes.subarray(offset, offset + (cuts[i % cuts.length] as number));
        const boundary = tracker.push(chunk);
        const expected = [...ends].filter((end) => end > offset && end <= offset + chunk.length).at(-1);
        assert.equal(boundary, expected === undefined ? 0 : expected - offset);
        offset += chunk.length;
        assert.equal(tracker.isAtBoundary, ends.has(offset));
      }
      assert.equal(tracker.hasClosed, false);
    }),
  );
});

test('notices a close frame', () => {
  const tracker = new FrameTracker();
  tracker.push(Buffer.from([0x88, 0x02, 0x03]));
  assert.equal(tracker.hasClosed, true);
});
