// Passkeys as the browser makes and uses them, in the JSON that the API speaks (WebAuthn level 3, section 5.1.8 and on).
// Older browsers lack the conversions, so they are written out.

interface Descriptor { type: "public-key"; id: string }
export interface CreationOptions {
  challenge: string;
  rp: { id: string; name: string };
  user: { id: string; name: string; displayName: string };
  pubKeyCredParams: { type: "public-key"; alg: number }[];
  timeout: number;
  attestation: AttestationConveyancePreference;
  authenticatorSelection: AuthenticatorSelectionCriteria;
  excludeCredentials: Descriptor[];
}
export interface UseOptions { challenge: string; rpId: string; timeout: number; userVerification: UserVerificationRequirement; allowCredentials: Descriptor[] }

export const passkeysWork = () => typeof PublicKeyCredential !== "undefined";

export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
export function toText(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
const descriptors = (list: Descriptor[]) => list.map((one) => ({ ...one, id: toBytes(one.id) }));

/** What POST /v1/me/factors/passkeys takes; rejects where nobody confirms it. */
export async function makePasskey(options: CreationOptions) {
  const made = (await navigator.credentials.create({
    publicKey: { ...options, challenge: toBytes(options.challenge), user: { ...options.user, id: toBytes(options.user.id) }, excludeCredentials: descriptors(options.excludeCredentials) },
  })) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  return { id: made.id, response: { clientDataJSON: toText(response.clientDataJSON), attestationObject: toText(response.attestationObject) } };
}

/** What shows it: at the login, or when somebody has to say again who it is. */
export async function usePasskey(options: UseOptions) {
  const used = (await navigator.credentials.get({
    publicKey: { ...options, challenge: toBytes(options.challenge), allowCredentials: descriptors(options.allowCredentials) },
  })) as PublicKeyCredential;
  const response = used.response as AuthenticatorAssertionResponse;
  return { id: used.id, response: { clientDataJSON: toText(response.clientDataJSON), authenticatorData: toText(response.authenticatorData), signature: toText(response.signature) } };
}
