import { posix } from 'node:path';
import { builtinModules } from 'node:module';
import { findingAt, type Finding, type Rule } from './Rule.ts';
import type { Repository, WorkspacePackage } from './Repository.ts';
import type { ImportedModule, SourceFile } from './SourceFile.ts';

const GROUND = ['core', 'contracts'];
const LIBRARIES = [...GROUND, 'message-queue', 'database-sharding', 'service-registry'];

/** Layer of a package → what it may import of ours. A package of no layer here may import nothing. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  contracts: [],
  testing: GROUND,
  'message-queue': GROUND,
  'database-sharding': GROUND,
  'service-registry': GROUND,
  communication: LIBRARIES,
  'api-gateway': [...LIBRARIES, 'communication'],
  services: [...LIBRARIES, 'communication'],
  platform: [...LIBRARIES, 'communication', 'api-gateway', 'services'],
};

/** Families whose members import the package's interfaces, never a member of another family. */
const FAMILIES = new Set(['providers', 'strategies', 'patterns', 'jobs', 'dashboard']);

/** Imports go one way through the house, through front doors only, and only to what the manifest declares. */
export const layers: Rule = {
  name: 'layers',
  check: (repository) => {
    const rootDependencies = repository.rootDependencies();
    return repository.sources.flatMap((file) =>
      file.imports.flatMap((module) => {
        if (module.specifier.startsWith('node:')) return [];
        if (builtinModules.includes(module.specifier)) return [finding(file, module, `write node:${module.specifier}`)];
        if (module.specifier.startsWith('.')) return checkRelative(repository, file, module);
        return checkPackage(repository, rootDependencies, file, module);
      }),
    );
  },
};

function checkRelative(repository: Repository, file: SourceFile, module: ImportedModule): Finding[] {
  const target = posix.join(posix.dirname(file.path), module.specifier);
  const from = repository.packageOf(file.path);
  const to = repository.packageOf(target);
  if (from !== to) {
    // Scripts and acceptance tests have no package; they may use each other, and packages must not use them.
    if (to === undefined) return [finding(file, module, `leaves its package for ${target}`)];
    return [finding(file, module, `reaches into ${to.name}; import ${to.name} by its name`)];
  }
  if (from === undefined || file.isTest) return [];
  const [familyFrom, familyTo] = [familyOf(from, file.path), familyOf(from, target)];
  if (familyFrom !== undefined && familyTo !== undefined && familyFrom !== familyTo) {
    return [finding(file, module, `${familyFrom} must not import ${familyTo}: both build on the package's interfaces only`)];
  }
  return [];
}

function familyOf(owner: WorkspacePackage, path: string): string | undefined {
  const [folder = ''] = path.slice(`${owner.folder}/src/`.length).split('/');
  return FAMILIES.has(folder) ? folder : undefined;
}

function checkPackage(repository: Repository, rootDependencies: ReadonlySet<string>, file: SourceFile, module: ImportedModule): Finding[] {
  const parts = module.specifier.split('/');
  const name = parts.slice(0, module.specifier.startsWith('@') ? 2 : 1).join('/');
  const subpath = `.${module.specifier.slice(name.length)}`;
  const owner = repository.packageOf(file.path);
  const target = repository.packages.find((candidate) => candidate.name === name);
  const isDeclared = owner?.dependencies.has(name) === true || ((owner === undefined || file.isTest) && rootDependencies.has(name));
  const findings: Finding[] = [];
  if (target !== undefined && subpath !== '.' && !target.subpaths.has(subpath)) {
    findings.push(finding(file, module, `goes past the front door of ${name}; import what its index.ts offers`));
  }
  if (target !== undefined && owner !== undefined && owner !== target) findings.push(...checkLayer(file, module, owner, target));
  if (target !== undefined && owner === target) findings.push(finding(file, module, 'imports its own package by name; use a relative path'));
  // Root-level tests and scripts see every workspace package through npm's links.
  const mayBeUndeclared = target !== undefined && (owner === undefined || file.isTest || owner === target);
  if (!isDeclared && !mayBeUndeclared && findings.length === 0)
    findings.push(finding(file, module, `${name} is not declared in ${owner?.folder ?? '.'}/package.json`));
  return findings;
}

function checkLayer(file: SourceFile, module: ImportedModule, owner: WorkspacePackage, target: WorkspacePackage): Finding[] {
  const [from, to] = [layerOf(owner), layerOf(target)];
  if (to === 'testing') return file.isTest ? [] : [finding(file, module, '@noa/testing is for tests only')];
  if (ALLOWED[from]?.includes(to) === true) return [];
  return [finding(file, module, `${from} must not import ${to} (allowed: ${ALLOWED[from]?.join(', ') || 'nothing of ours'})`)];
}

function layerOf({ folder }: WorkspacePackage): string {
  return folder.startsWith('packages/microservices/services/') ? 'services' : posix.basename(folder);
}

const finding = (file: SourceFile, module: ImportedModule, message: string): Finding =>
  findingAt(file, module.offset, 'layers', `'${module.specifier}': ${message}`);
