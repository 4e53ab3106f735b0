// Options of pgBackRest's own server between hosts. Hindsight has none; the names are known so that files can be read.

/** Rows of the option table on pgBackRest's server. */
export const SERVER_OPTIONS = {
  "tls-server-address": {
    type: "string",
    default: "localhost",
    summary: "address of the TLS server",
    effect: "none",
  },
  "tls-server-port": {
    type: "integer",
    min: 1,
    max: 65_535,
    default: "8432",
    summary: "port of the TLS server",
    effect: "none",
  },
  "tls-server-auth": {
    type: "map",
    summary: "clients that may use the TLS server",
    effect: "none",
  },
  "tls-server-ca-file": {
    type: "path",
    summary: "certificate authority of the TLS server",
    effect: "none",
  },
  "tls-server-cert-file": {
    type: "path",
    summary: "certificate of the TLS server",
    effect: "none",
  },
  "tls-server-key-file": {
    type: "path",
    summary: "key of the TLS server",
    effect: "none",
  },
} as const;
