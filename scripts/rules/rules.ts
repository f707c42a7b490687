import { configSamples } from './configSamples.ts';
import { documents } from './documents.ts';
import { errorTables } from './errorTables.ts';
import { importTime } from './importTime.ts';
import { layers } from './layers.ts';
import { leftovers } from './leftovers.ts';
import { lockfile } from './lockfile.ts';
import { moduleState } from './moduleState.ts';
import { privatePaths } from './privatePaths.ts';
import type { Rule } from './Rule.ts';
import { size } from './size.ts';
import { timeAndChance } from './timeAndChance.ts';

/** All our own rules. Adding one is adding a line here. */
export const RULES: readonly Rule[] = [
  layers,
  size,
  timeAndChance,
  importTime,
  moduleState,
  errorTables,
  documents,
  configSamples,
  lockfile,
  privatePaths,
  leftovers,
];
