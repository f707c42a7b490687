import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoaError } from '@noa/core';
import { findPostgresBinaries } from './postgresBinaries.ts';

test('a machine without binaries is named, with both ways out', () => {
  assert.throws(
    () => findPostgresBinaries('plan9-mips'),
    (error) => {
      assert.ok(isNoaError(error, 'EMBEDDED_BINARIES_MISSING'));
      assert.match(error.message, /plan9-mips.*NOA_DATABASE_URL.*npm ci/);
      return true;
    },
  );
});
