//! WebCrypto: the owner's keys, the secrets in the link, seals and hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, CryptoKeyPair, SubtleCrypto};

use super::error::Error;
use crate::protocol::id::{JoinToken, JoinVerifier, LinkKey, RoomId};
use crate::protocol::link::{
    CIRCLE_KEY_INFO, JOIN_TOKEN_INFO, MANIFEST_KEY_INFO, SIGNALLING_KEY_INFO,
};
use crate::protocol::manifest::{
    Manifest, ManifestError, SEAL_CONTEXT, SIGNATURE_CONTEXT, SignedManifest,
};
use crate::protocol::peer_wire::{
    HASH_BYTES, PieceHash, PieceRecord, SIGNATURE_BYTES, signed_bytes,
};
use crate::protocol::piece::PieceIndex;

const NONCE_BYTES: usize = 12;

fn subtle() -> Result<SubtleCrypto, Error> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into())?;
    Ok(crypto.dyn_into::<web_sys::Crypto>()?.subtle())
}

/// Fills with the browser's randomness.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into())?;
    crypto.dyn_into::<web_sys::Crypto>()?.get_random_values_with_u8_array(&mut bytes)?;
    Ok(bytes)
}

/// SHA-256 of a JavaScript buffer, without bringing it into this module's memory.
pub async fn sha256_of(data: &Object) -> Result<[u8; 32], Error> {
    sha256_from(begin_sha256(data)?).await
}

/// The same, begun at once and to be waited for by [`sha256_from`].
pub fn begin_sha256(data: &Object) -> Result<JsFuture, Error> {
    Ok(subtle()?.digest_with_str_and_buffer_source("SHA-256", data)?.into())
}

/// What [`begin_sha256`] comes to.
pub async fn sha256_from(hashing: JsFuture) -> Result<[u8; 32], Error> {
    bytes_of(&hashing.await?).try_into().map_err(|_| Error::NotAuthentic)
}

/// SHA-256 of a few bytes.
pub async fn sha256(bytes: &[u8]) -> Result<[u8; 32], Error> {
    sha256_of(&Uint8Array::from(bytes)).await
}

fn bytes_of(value: &JsValue) -> Vec<u8> {
    Uint8Array::new(value).to_vec()
}

/// A plain object of these fields.
pub fn object(fields: &[(&str, JsValue)]) -> Result<Object, Error> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &JsValue::from_str(name), value)?;
    }
    Ok(object)
}

fn usages(names: &[&str]) -> JsValue {
    names.iter().map(|name| JsValue::from_str(name)).collect::<Array>().into()
}

fn ecdsa_p256() -> Result<Object, Error> {
    object(&[("name", "ECDSA".into()), ("namedCurve", "P-256".into()), ("hash", "SHA-256".into())])
}

/// The owner's key pair, made for one room.
#[derive(Clone)]
pub struct OwnerKeys {
    pair: CryptoKeyPair,
    private: CryptoKey,
    spki: Vec<u8>,
}

impl OwnerKeys {
    /// A fresh pair; the private half cannot leave the browser's key store.
    pub async fn generate() -> Result<Self, Error> {
        let subtle = subtle()?;
        let promise =
            subtle.generate_key_with_object(&ecdsa_p256()?, false, &usages(&["sign", "verify"]))?;
        Self::from_pair(JsFuture::from(promise).await?.unchecked_into()).await
    }

    /// A pair that was made earlier and kept.
    pub async fn from_pair(pair: CryptoKeyPair) -> Result<Self, Error> {
        let public: CryptoKey = Reflect::get(&pair, &"publicKey".into())?.dyn_into()?;
        let private: CryptoKey = Reflect::get(&pair, &"privateKey".into())?.dyn_into()?;
        let spki = JsFuture::from(subtle()?.export_key("spki", &public)?).await?;
        Ok(Self { pair, private, spki: bytes_of(&spki) })
    }

    /// The pair, to be kept by the browser.
    pub fn pair(&self) -> &CryptoKeyPair {
        &self.pair
    }

    /// What goes into the link.
    pub async fn link_key(&self) -> Result<LinkKey, Error> {
        link_key_of(&self.spki).await
    }

    async fn sign(&self, bytes: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Error> {
        let data = Uint8Array::from(bytes);
        let promise =
            subtle()?.sign_with_object_and_buffer_source(&ecdsa_p256()?, &self.private, &data)?;
        bytes_of(&JsFuture::from(promise).await?).try_into().map_err(|_| Error::NotAuthentic)
    }

    /// Signs for consecutive pieces.
    pub async fn sign_record(
        &self,
        room_id: &RoomId,
        first_piece: PieceIndex,
        hashes: Vec<PieceHash>,
    ) -> Result<PieceRecord, Error> {
        let signature = self.sign(&signed_bytes(room_id, first_piece, &hashes)).await?;
        Ok(PieceRecord { first_piece, hashes, signature })
    }

    /// Signs and seals a manifest.
    pub async fn seal_manifest(
        &self,
        secrets: &LinkSecrets,
        manifest: &Manifest,
    ) -> Result<Vec<u8>, Error> {
        let manifest = manifest.to_json();
        let signature = self.sign(&manifest_signed_bytes(&manifest)).await?;
        let signed = SignedManifest {
            manifest,
            owner_key: URL_SAFE_NO_PAD.encode(&self.spki),
            signature: URL_SAFE_NO_PAD.encode(signature),
        };
        let json = serde_json::to_vec(&signed).map_err(|_| Error::NotAuthentic)?;
        secrets.manifest.seal(&json, SEAL_CONTEXT).await
    }
}

fn manifest_signed_bytes(manifest: &str) -> Vec<u8> {
    [SIGNATURE_CONTEXT, manifest.as_bytes()].concat()
}

async fn link_key_of(spki: &[u8]) -> Result<LinkKey, Error> {
    let hash = sha256(spki).await?;
    let first = hash.first_chunk::<16>().ok_or(Error::NotAuthentic)?;
    Ok(LinkKey::from_bytes(*first))
}

/// The owner's public key, proved to be the one that the link names.
#[derive(Clone)]
pub struct OwnerKey(CryptoKey);

impl OwnerKey {
    async fn import(spki: &[u8], link_key: &LinkKey) -> Result<Self, Error> {
        if link_key_of(spki).await? != *link_key {
            return Err(Error::NotAuthentic);
        }
        let data = Uint8Array::from(spki);
        let promise = subtle()?.import_key_with_object(
            "spki",
            &data,
            &ecdsa_p256()?,
            false,
            &usages(&["verify"]),
        )?;
        Ok(Self(JsFuture::from(promise).await?.dyn_into()?))
    }

    async fn verify(&self, signature: &[u8], bytes: &[u8]) -> Result<(), Error> {
        let (signature, data) = (Uint8Array::from(signature), Uint8Array::from(bytes));
        let promise = subtle()?.verify_with_object_and_buffer_source_and_buffer_source(
            &ecdsa_p256()?,
            &self.0,
            &signature,
            &data,
        )?;
        let sound = JsFuture::from(promise).await?.as_bool() == Some(true);
        if sound { Ok(()) } else { Err(Error::NotAuthentic) }
    }

    /// Whether the owner signed this record for this room.
    pub async fn verify_record(&self, room_id: &RoomId, record: &PieceRecord) -> Result<(), Error> {
        let bytes = signed_bytes(room_id, record.first_piece, &record.hashes);
        self.verify(&record.signature, &bytes).await
    }
}

/// An AES-256-GCM key with a random 96-bit nonce for each message.
#[derive(Clone)]
pub struct SealKey(CryptoKey);

impl SealKey {
    fn parameters(nonce: &[u8], context: &[u8]) -> Result<Object, Error> {
        object(&[
            ("name", "AES-GCM".into()),
            ("iv", Uint8Array::from(nonce).into()),
            ("additionalData", Uint8Array::from(context).into()),
        ])
    }

    /// `nonce || ciphertext and tag`.
    pub async fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = random::<NONCE_BYTES>()?;
        let data = Uint8Array::from(plain);
        let promise = subtle()?.encrypt_with_object_and_buffer_source(
            &Self::parameters(&nonce, context)?,
            &self.0,
            &data,
        )?;
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(&bytes_of(&JsFuture::from(promise).await?));
        Ok(sealed)
    }

    /// What was sealed in the same context.
    pub async fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, Error> {
        let (nonce, cipher) = sealed.split_at_checked(NONCE_BYTES).ok_or(Error::NotAuthentic)?;
        let data = Uint8Array::from(cipher);
        let promise = subtle()?.decrypt_with_object_and_buffer_source(
            &Self::parameters(nonce, context)?,
            &self.0,
            &data,
        )?;
        let plain = JsFuture::from(promise).await.map_err(|_| Error::NotAuthentic)?;
        Ok(bytes_of(&plain))
    }
}

/// All that follows from the link key.
#[derive(Clone)]
pub struct LinkSecrets {
    /// Seals signals between members.
    pub signalling: SealKey,
    /// Seals signals within a circle.
    pub circle: SealKey,
    manifest: SealKey,
    /// Opens the door.
    pub join_token: JoinToken,
    link_key: LinkKey,
}

impl LinkSecrets {
    /// By HKDF-SHA-256, RFC 5869.
    pub async fn derive(link_key: LinkKey) -> Result<Self, Error> {
        let subtle = subtle()?;
        let material = Uint8Array::from(link_key.as_bytes().as_slice());
        let promise = subtle.import_key_with_str(
            "raw",
            &material,
            "HKDF",
            false,
            &usages(&["deriveBits"]),
        )?;
        let base: CryptoKey = JsFuture::from(promise).await?.dyn_into()?;
        let signalling = derive_bits(&subtle, &base, SIGNALLING_KEY_INFO).await?;
        let circle = derive_bits(&subtle, &base, CIRCLE_KEY_INFO).await?;
        let manifest = derive_bits(&subtle, &base, MANIFEST_KEY_INFO).await?;
        let join_token = bytes_of(derive_bits(&subtle, &base, JOIN_TOKEN_INFO).await?.as_ref());
        Ok(Self {
            signalling: aes_key(&subtle, &signalling).await?,
            circle: aes_key(&subtle, &circle).await?,
            manifest: aes_key(&subtle, &manifest).await?,
            join_token: JoinToken::from_bytes(
                join_token.try_into().map_err(|_| Error::NotAuthentic)?,
            ),
            link_key,
        })
    }

    /// What the server is told when the room is made.
    pub async fn join_verifier(&self) -> Result<JoinVerifier, Error> {
        Ok(JoinVerifier::from_bytes(sha256(self.join_token.as_bytes()).await?))
    }

    /// Opens a room's manifest and proves that the link's owner made it.
    pub async fn open_manifest(
        &self,
        sealed: &[u8],
    ) -> Result<(Manifest, OwnerKey), ManifestError> {
        let not_authentic = |_| ManifestError::NotAuthentic;
        let json = self.manifest.open(sealed, SEAL_CONTEXT).await.map_err(not_authentic)?;
        let json = String::from_utf8(json).map_err(|_| ManifestError::Malformed)?;
        let signed: SignedManifest =
            serde_json::from_str(&json).map_err(|_| ManifestError::Malformed)?;
        let decode = |text: &str| {
            URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(|_| ManifestError::Malformed)
        };
        let owner_key = OwnerKey::import(&decode(&signed.owner_key)?, &self.link_key)
            .await
            .map_err(not_authentic)?;
        owner_key
            .verify(&decode(&signed.signature)?, &manifest_signed_bytes(&signed.manifest))
            .await
            .map_err(not_authentic)?;
        Ok((Manifest::from_json(&signed.manifest)?, owner_key))
    }
}

async fn derive_bits(
    subtle: &SubtleCrypto,
    base: &CryptoKey,
    info: &[u8],
) -> Result<ArrayBuffer, Error> {
    let algorithm = object(&[
        ("name", "HKDF".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::new_with_length(0).into()),
        ("info", Uint8Array::from(info).into()),
    ])?;
    let bits = (HASH_BYTES * 8) as u32;
    let promise = subtle.derive_bits_with_object(&algorithm, base, bits)?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}

async fn aes_key(subtle: &SubtleCrypto, bits: &ArrayBuffer) -> Result<SealKey, Error> {
    let promise = subtle.import_key_with_str(
        "raw",
        bits,
        "AES-GCM",
        false,
        &usages(&["encrypt", "decrypt"]),
    )?;
    Ok(SealKey(JsFuture::from(promise).await?.dyn_into()?))
}
