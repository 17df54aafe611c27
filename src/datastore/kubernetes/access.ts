/** Where an API server is and who we are to it: from the pod's own files, or from a kubeconfig. */

export interface TlsIdentity {
  /** PEM of the authorities that vouch for the server; the system's own without. */
  readonly ca?: string;
  /** The name that the server's certificate has to have, if not the URL's. */
  readonly servername?: string;
  /** PEM of a client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** False only where the kubeconfig says so. */
  readonly rejectUnauthorized?: boolean;
}

export interface Access {
  /** https://HOST:PORT, perhaps with a path in front of the API's own. */
  readonly server: URL;
  /** For a new connection; read anew each time, because files are replaced. */
  tls(): Promise<TlsIdentity>;
  /**
   * The value of the Authorization header, or undefined where the certificate says who we are.
   * @param wasRefused the server answered 401 to the last value given: look for a newer one
   */
  authorization(wasRefused: boolean): Promise<string | undefined>;
}
