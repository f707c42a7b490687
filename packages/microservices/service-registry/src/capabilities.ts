/** What a registry provider offers; a conformance case that needs more is skipped under the feature's name. */
export interface RegistryCapabilities {
  readonly provider: string;
  /** Instances can register, renew and leave. */
  readonly registration: boolean;
  /** Changes are pushed; otherwise they are found by looking. */
  readonly watch: boolean;
  /** A silent instance disappears by itself. */
  readonly leases: boolean;
}
