/** Codes of the registry. */
export const REGISTRY_ERRORS = {
  REGISTRY_PROVIDER_UNKNOWN: 'No provider serves the scheme of the registry URL; this version has postgres:// and static:.',
  REGISTRY_STATIC_INVALID: 'The static list is not JSON of the expected shape; the message names the place.',
  REGISTRY_READ_ONLY: 'The provider has a fixed list: instances can be neither registered nor changed.',
} as const;
