import { mayServe, type Instance } from './Instance.ts';

/** When at least this share of a group is gone and not replaced, the registry is suspected before the fleet (Eureka, Envoy's panic). */
const LOSS_RATIO = 0.5;
/** Smaller groups may lose that much by accident. */
const LOSS_MIN = 4;
/** With nobody at all left in the registry a smaller fleet is protected too. */
const WHOLE_LOSS_MIN = 2;
/** A suspicion is given up after this time: what is still gone is gone. */
const LOSS_HOLD_MS = 30_000;
/** All instances of one key: every service together. No service has this name. */
const WHOLE = '*';

/** Instances that were there when their group came under suspicion. */
interface Suspicion {
  readonly sinceMs: number;
  readonly baseline: readonly Instance[];
}

export interface LossQuestion {
  /** What is in use. */
  readonly known: readonly Instance[];
  /** What the registry lists now. */
  readonly next: readonly Instance[];
  readonly nowMs: number;
  /** The registry was away until a moment ago: leases ran out though their holders live, and even a lone instance is protected. */
  readonly isAfterOutage: boolean;
}

export interface LossVerdict {
  /** In use and no longer listed, but to be kept. */
  readonly kept: readonly Instance[];
  /** Services, or `*` for all together, that came under suspicion just now. */
  readonly begun: readonly string[];
}

/**
 * Mass death is the registry's fault, not the fleet's: when much of a service, or of all services together, vanishes at
 * once, its instances are kept for a while. A suspicion ends when they are listed again, when others have taken their
 * place or address, or when it gets old; newcomers and changes of those that stay are never held up.
 */
export class LossGuard {
  readonly #suspicions = new Map<string, Suspicion>();

  judge(question: LossQuestion): LossVerdict {
    const { known, next } = question;
    // An address that another id has now was taken over: whoever had it before is gone for certain.
    const listed = new Set(next.flatMap((instance) => [instance.id, addressOf(instance)]));
    if (this.#suspicions.size === 0 && known.every((instance) => isListed(instance, listed))) return { kept: [], begun: [] };
    const kept = new Map<string, Instance>();
    const begun: string[] = [];
    for (const group of new Set([WHOLE, ...known.map(({ service }) => service), ...this.#suspicions.keys()])) {
      const isNew = !this.#suspicions.has(group);
      const lost = this.#lostOf(group, listed, question);
      for (const instance of lost) kept.set(instance.id, instance);
      if (isNew && lost.length > 0) begun.push(group);
    }
    return { kept: [...kept.values()], begun };
  }

  /** The lost ones of a group that are to be kept. */
  #lostOf(group: string, listed: ReadonlySet<string>, question: LossQuestion): readonly Instance[] {
    const isOfGroup = ({ service }: Instance): boolean => group === WHOLE || service === group;
    const knownOfGroup = question.known.filter(isOfGroup);
    const suspicion = this.#suspicions.get(group) ?? { sinceMs: question.nowMs, baseline: knownOfGroup };
    const before = new Set(suspicion.baseline.map(({ id }) => id));
    const lost = knownOfGroup.filter((instance) => before.has(instance.id) && !isListed(instance, listed));
    const newcomers = question.next.filter((instance) => isOfGroup(instance) && mayServe(instance) && !before.has(instance.id)).length;
    const missing = lost.length - newcomers;
    if (!isSuspicious(group, suspicion.baseline.length, missing, question.isAfterOutage)) {
      this.#suspicions.delete(group);
      return [];
    }
    // An old one stays noted until nobody keeps the lost, or the groups would suspect each other's for ever.
    this.#suspicions.set(group, suspicion);
    return question.nowMs - suspicion.sinceMs < LOSS_HOLD_MS ? lost : [];
  }
}

function isListed(instance: Instance, listed: ReadonlySet<string>): boolean {
  return listed.has(instance.id) || listed.has(addressOf(instance));
}

function addressOf({ service, host, port }: Instance): string {
  return `${service} ${host}:${port}`;
}

function isSuspicious(group: string, before: number, missing: number, isAfterOutage: boolean): boolean {
  if (missing <= 0 || missing < before * LOSS_RATIO) return false;
  if (before >= LOSS_MIN) return true;
  return group === WHOLE ? missing === before && before >= WHOLE_LOSS_MIN : isAfterOutage;
}
