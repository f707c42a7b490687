import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SourceFile } from './SourceFile.ts';

/** A workspace package. */
export interface WorkspacePackage {
  readonly name: string;
  /** Folder from the root, `packages/core`. */
  readonly folder: string;
  readonly dependencies: ReadonlySet<string>;
  /** Subpaths other than `.` that the package offers, `./main`. */
  readonly subpaths: ReadonlySet<string>;
}

const FOLDERS_SKIPPED = new Set(['node_modules', 'dist', '.noa', '.git', '.noa-install.lock']);
const TEXT_FILES = /\.(ts|md|json|sh|yml|yaml)$|^noa$|^\.ci\/run$/;
const FILE_BYTES_MAX = 2 * 1_048_576;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly exports?: Record<string, unknown>;
}

/** What the rules look at: paths and texts, from the disk or made up by a test. */
export class Repository {
  /** Path from the root → text. */
  readonly texts: ReadonlyMap<string, string>;
  readonly sources: readonly SourceFile[];
  readonly packages: readonly WorkspacePackage[];

  constructor(files: Readonly<Record<string, string>> | ReadonlyMap<string, string>) {
    this.texts = files instanceof Map ? files : new Map(Object.entries(files as Record<string, string>));
    this.sources = [...this.texts].filter(([path]) => path.endsWith('.ts')).map(([path, text]) => new SourceFile(path, text));
    this.packages = [...this.texts].filter(([path]) => /^packages\/.*package\.json$/.test(path)).map(([path, text]) => readPackage(path, text));
  }

  static read(root: string): Repository {
    const texts = new Map<string, string>();
    for (const path of listFiles(root, '')) {
      const isText = TEXT_FILES.test(path);
      const text = isText ? readFileSync(join(root, path), 'utf8') : '';
      texts.set(path, text.length > FILE_BYTES_MAX ? '' : text);
    }
    return new Repository(texts);
  }

  has(path: string): boolean {
    if (this.texts.has(path)) return true;
    const folder = path.endsWith('/') ? path : `${path}/`;
    return [...this.texts.keys()].some((file) => file.startsWith(folder));
  }

  packageOf(path: string): WorkspacePackage | undefined {
    return this.packages.find(({ folder }) => path.startsWith(`${folder}/`));
  }

  /** Everything a package's manifest, or the root's, declares. */
  rootDependencies(): ReadonlySet<string> {
    const text = this.texts.get('package.json');
    return text === undefined ? new Set() : declared(JSON.parse(text) as Manifest);
  }
}

function* listFiles(root: string, folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!FOLDERS_SKIPPED.has(entry.name)) yield* listFiles(root, path);
    } else if (entry.isFile()) yield path;
  }
}

function readPackage(path: string, text: string): WorkspacePackage {
  const manifest = JSON.parse(text) as Manifest;
  return {
    name: manifest.name,
    folder: path.slice(0, -'/package.json'.length),
    dependencies: declared(manifest),
    subpaths: new Set(Object.keys(manifest.exports ?? {}).filter((subpath) => subpath !== '.')),
  };
}

function declared(manifest: Manifest): ReadonlySet<string> {
  return new Set(
    [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies, manifest.peerDependencies].flatMap((table) =>
      Object.keys(table ?? {}),
    ),
  );
}
