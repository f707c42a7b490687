/** Codes of the kernel that every service is built on. */
export const KERNEL_ERRORS = {
  BODY_TOO_LARGE: 'The body exceeds the limit of the route (413).',
  MEDIA_TYPE_UNSUPPORTED: 'The content type, charset or content encoding is not one that the route takes (415).',
  REQUEST_INVALID: 'The request line, path or framing is malformed (4xx).',
} as const;
