//! Room passwords: hashing within bounds, and making ones that are easy to read out.
//!
//! Argon2id takes 19 MiB and some tens of milliseconds of one core a time. So it runs off the async threads, a
//! few at once, behind a short queue; what does not fit the queue is refused with a time to wait.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::Rules as _;
use precis_profiles::precis_core::{DerivedPropertyValue, FreeformClass, StringClass as _};
use tokio::sync::Semaphore;

use crate::api::ApiError;
use crate::protocol::limits::MAX_PASSWORD_BYTES;

// OWASP, Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashed at once.
const RUNNING: usize = 2;
/// Waiting for one of those.
const QUEUED: usize = 32;
/// Seconds after which a full queue is empty again, roughly.
const RETRY_AFTER_SECONDS: u64 = 3;

/// Every consonant has one sound and one spelling: no c, q, w, x or y.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 5] = b"aeiou";
/// 80 syllables, log2(80) x 8 = 50.6 bits.
const SYLLABLES: usize = 8;

/// The bounded pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Held from arrival to answer.
    places: Arc<Semaphore>,
    /// Held while hashing.
    cores: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(RUNNING, QUEUED)
    }
}

impl Passwords {
    /// A pool that hashes `running` at once while `queued` more wait.
    pub fn new(running: usize, queued: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(running + queued)),
            cores: Arc::new(Semaphore::new(running)),
        }
    }

    /// Hashes a password, in PHC form.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if the queue is full.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        self.run(move || {
            argon2()
                .and_then(|argon2| argon2.hash_password(password.as_bytes()).map_err(internal))
                .map(|hash| hash.to_string())
        })
        .await
    }

    /// Whether one of these is the password of that hash.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if the queue is full.
    pub async fn verify(&self, forms: Vec<String>, hash: String) -> Result<bool, ApiError> {
        self.run(move || {
            let parsed = PasswordHash::new(&hash).map_err(internal)?;
            let argon2 = argon2()?;
            let fits = |form: &String| argon2.verify_password(form.as_bytes(), &parsed).is_ok();
            Ok(forms.iter().any(fits))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| ApiError::Busy(RETRY_AFTER_SECONDS))?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(internal)?;
        // Both permits go along: a caller that goes away does not stop the hashing, so it must not free its core.
        tokio::task::spawn_blocking(move || {
            let _held = (place, core);
            work()
        })
        .await
        .map_err(internal)?
    }
}

fn argon2() -> Result<Argon2<'static>, ApiError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    tracing::error!(%error, "hashing a password failed");
    ApiError::Internal
}

/// A password that a person chose, in the one form that everybody's typing of it leads to: OpaqueString of RFC 8265,
/// section 4.2. Keyboards and systems write the same letters as different characters. White space around it is not part
/// of it.
///
/// # Errors
/// It is empty, longer than [`MAX_PASSWORD_BYTES`], or holds what cannot be typed again.
pub fn chosen(text: &str) -> Result<String, ApiError> {
    let chosen = opaque(written(text)?).ok_or_else(|| {
        ApiError::Invalid(
            "The password holds a character that not everybody can type, such as a tab or an invisible \
             one. Leave it out."
                .into(),
        )
    })?;
    written(&chosen).map(str::to_owned)
}

/// What a person typed may have been hashed as: in the form of [`chosen`], and as it came, which is how rooms kept it
/// before. The first is tried first.
///
/// # Errors
/// It is empty, or longer than [`MAX_PASSWORD_BYTES`].
pub fn typed(text: &str) -> Result<Vec<String>, ApiError> {
    let as_it_came = written(text)?;
    let mut forms = Vec::with_capacity(2);
    forms.extend(opaque(as_it_came).map(|text| text.trim().to_owned()));
    if forms.iter().all(|form| form != as_it_came) {
        forms.push(as_it_came.to_owned());
    }
    Ok(forms)
}

/// Composed before it is looked at: the profile would refuse the parts of Korean syllables, which it composes. Of what its
/// class does not allow two kinds are kept: characters that are newer than its tables, most emoji among them, and what
/// joins or colours emoji.
fn opaque(text: &str) -> Option<String> {
    let profile = OpaqueString::new();
    let spaced = profile.additional_mapping_rule(text).ok()?;
    let composed = profile.normalization_rule(spaced).ok()?;
    let class = FreeformClass::default();
    let is_refused = |c: char| {
        let refused = class.get_value_from_char(c) == DerivedPropertyValue::Disallowed;
        refused && !matches!(c, '\u{fe0e}' | '\u{fe0f}')
    };
    (!composed.chars().any(is_refused)).then(|| composed.into_owned())
}

fn written(text: &str) -> Result<&str, ApiError> {
    match text.trim() {
        "" => Err(ApiError::Invalid("Type the password first.".into())),
        text if text.len() > MAX_PASSWORD_BYTES => Err(ApiError::Invalid(format!(
            "A password has at most {MAX_PASSWORD_BYTES} bytes; this one is longer."
        ))),
        text => Ok(text),
    }
}

/// Makes a password such as `kabo-timu-lero-fani`.
///
/// # Errors
/// The system has no randomness.
pub fn generate() -> Result<String, ApiError> {
    let mut password = String::with_capacity(SYLLABLES * 2 + 3);
    let mut made = 0;
    while made < SYLLABLES {
        let [byte] = super::random_bytes::<1>()?;
        // 240 is the last multiple of 80 in a byte: beyond it some syllables would come more often.
        if byte >= 240 {
            continue;
        }
        let syllable = usize::from(byte) % (CONSONANTS.len() * VOWELS.len());
        if made > 0 && made % 2 == 0 {
            password.push('-');
        }
        password.push(char::from(CONSONANTS[syllable / VOWELS.len()]));
        password.push(char::from(VOWELS[syllable % VOWELS.len()]));
        made += 1;
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_reads_like_four_words() {
        let password = generate().unwrap();
        assert_ne!(password, generate().unwrap());
        assert_eq!(password.len(), 19, "{password}");
        for word in password.split('-') {
            let word = word.as_bytes();
            assert!(CONSONANTS.contains(&word[0]) && VOWELS.contains(&word[1]), "{password}");
            assert!(CONSONANTS.contains(&word[2]) && VOWELS.contains(&word[3]), "{password}");
        }
    }

    #[test]
    fn only_white_space_around_a_password_is_dropped() {
        assert_eq!(typed("  a B  c\n"), Ok(vec!["a B  c".into()]));
        assert_eq!(chosen("  a B  c\n"), Ok("a B  c".into()));
        for text in [" \t ", "\u{a0}", &"x".repeat(MAX_PASSWORD_BYTES + 1)] {
            assert!(typed(text).is_err() && chosen(text).is_err(), "{text:?}");
        }
        let longest = "x".repeat(MAX_PASSWORD_BYTES);
        assert!(typed(&longest).is_ok() && chosen(&longest).is_ok());
        // One character before, three after: U+0344 is written as two.
        assert!(chosen(&"\u{344}".repeat(MAX_PASSWORD_BYTES / 2)).is_err());
    }

    #[test]
    fn however_the_same_letters_are_written_they_are_one_password() {
        for (one, other) in [
            ("Zo\u{eb}", "Zoe\u{308}"),
            ("\u{1e69}", "s\u{323}\u{307}"),
            ("\u{1e69}", "s\u{307}\u{323}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("\u{c5}", "\u{212b}"),
            ("a b", "a\u{a0}b"),
            ("a b", "a\u{3000}b"),
            ("が", "か\u{3099}"),
        ] {
            let form = chosen(one).unwrap();
            assert_eq!(chosen(other), Ok(form.clone()), "{one:?}");
            for text in [one, other] {
                assert_eq!(typed(text).unwrap()[0], form, "{text:?}");
            }
        }
        for emoji in ["🦀", "❤\u{fe0f}", "👨\u{200d}👩\u{200d}👧", "👍🏽", "🫩"] {
            assert_eq!(chosen(emoji).as_deref(), Ok(emoji));
        }
        // What is another letter stays one: full width, other cases, look-alikes.
        for (one, other) in [("1", "１"), ("a", "A"), ("a", "а"), ("ﬁ", "fi")] {
            assert_ne!(chosen(one), chosen(other));
        }
    }

    #[test]
    fn what_cannot_be_typed_again_is_refused_when_chosen_and_tried_when_typed() {
        for text in ["a\tb", "a\u{200b}b", "a\u{0}b", "a\u{202e}b", "a\u{ad}b"] {
            let Err(ApiError::Invalid(sentence)) = chosen(text) else { panic!("{text:?}") };
            assert!(sentence.ends_with('.'), "{sentence}");
            // A room that was made before may have it.
            assert_eq!(typed(text), Ok(vec![text.to_owned()]));
        }
    }

    #[tokio::test]
    async fn a_hash_of_what_was_typed_as_it_came_still_opens() {
        let passwords = Passwords::default();
        let old = passwords.hash("Zoe\u{308}".into()).await.unwrap();
        let verified = |text: &str| passwords.verify(typed(text).unwrap(), old.clone());
        assert_eq!(verified("Zoe\u{308}").await, Ok(true));
        assert_eq!(verified("Zoe").await, Ok(false));
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_documented_cost_and_tells_right_from_wrong() {
        let passwords = Passwords::default();
        let hash = passwords.hash("kabo".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.verify(vec!["kabo".into()], hash.clone()).await, Ok(true));
        assert_eq!(passwords.verify(vec!["Kabo".into(), "KABO".into()], hash).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_with_a_time_to_wait() {
        let passwords = Passwords::new(1, 1);
        let (first, second, third) = tokio::join!(
            passwords.hash("a".into()),
            passwords.hash("b".into()),
            passwords.hash("c".into())
        );
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(third, Err(ApiError::Busy(RETRY_AFTER_SECONDS)));
        assert!(passwords.hash("d".into()).await.is_ok(), "the queue empties again");
    }
}
