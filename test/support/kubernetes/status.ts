/** The API's `Status`: the body of every refusal, and of an ERROR event in a watch. */

export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: object;
  readonly status: "Failure" | "Success";
  readonly message?: string;
  readonly reason?: string;
  readonly code: number;
  readonly details?: object;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

export function failure(
  code: number,
  message: string,
  more: { reason?: string; details?: object } = {},
): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: more.reason ?? REASONS[code] ?? "Unknown",
    ...(more.details === undefined ? {} : { details: more.details }),
    code,
  };
}
