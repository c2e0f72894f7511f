//! The compiled client, the style sheet and the public files, inside the program.
//!
//! xtask puts them under `target/site`: the client in `pkg/`, public files at the root, compressed forms beside
//! each as `.br` and `.gz`. A release build embeds them all, so the program runs from any folder; a debug build
//! reads them from there at each request. Files of the client are served under a hash of them all: a browser
//! keeps them for ever, and a page never loads one build's script with another's wasm.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use leptos::config::LeptosOptions;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

/// The crate's name, which is also the client's.
const OUTPUT_NAME: &str = "transfer4me";
/// Name of the script and the wasm that hold what the home page needs; xtask links them.
pub const HOME_BUNDLE: &str = "home";
/// Bytes of the hash in the path.
const HASH_BYTES: usize = 8;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
const NEVER: &str = "no-store";

/// Best first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

#[derive(RustEmbed)]
#[folder = "target/site"]
#[allow_missing = true]
struct Site;

/// Of the client's files, names and contents, as found at start.
static CLIENT_HASH: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<Cow<'static, str>> =
        Site::iter().filter(|name| name.starts_with("pkg/")).collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        if let Some(file) = Site::get(&name) {
            hash.update(name.as_bytes());
            hash.update(file.metadata.sha256_hash());
        }
    }
    hex(&hash.finalize()[..HASH_BYTES])
});

/// For Leptos, set here and not by its environment variables, so that the program needs none.
pub fn leptos_options(address: SocketAddr) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name(OUTPUT_NAME)
        .site_root("target/site")
        .site_pkg_dir(format!("pkg/{}", *CLIENT_HASH))
        .site_addr(address)
        .hash_files(false)
        .build()
}

/// Path of the style sheet, for the page's head.
pub fn css_path() -> String {
    format!("/pkg/{}/main.css", *CLIENT_HASH)
}

/// `GET /pkg/{hash}/{file}`: a file of the client.
pub async fn client_file(
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    if let Ok(Path((hash, file))) = path
        && hash == *CLIENT_HASH
        && let Some(response) = answer(&format!("pkg/{file}"), &headers, FOR_EVER)
    {
        return response;
    }
    // Not stored: the same path may exist after an update that is just being rolled out.
    (StatusCode::NOT_FOUND, [(CACHE_CONTROL, NEVER)], "No such file in this version.\n")
        .into_response()
}

/// A public file, by the request's path, if there is one.
pub fn public_file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.strip_prefix('/')?;
    // The client has its own path; compressed forms are not files of their own.
    let hidden = name.starts_with("pkg/") || ENCODINGS.iter().any(|(_, end)| name.ends_with(end));
    if hidden || name.is_empty() { None } else { answer(name, headers, ASK_AGAIN) }
}

fn answer(name: &str, headers: &HeaderMap, cache: &'static str) -> Option<Response> {
    let plain = Site::get(name)?;
    let (file, encoding) =
        negotiated(name, headers).map_or((plain, None), |(file, encoding)| (file, Some(encoding)));
    // Each form has its own tag, as RFC 9110, section 8.8.3.3 asks.
    let tag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..HASH_BYTES]));
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        ([(CONTENT_TYPE, content_type(name))], body).into_response()
    };
    let answered = response.headers_mut();
    answered.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    answered.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        answered.insert(ETAG, tag);
    }
    if let Some(encoding) = encoding {
        answered.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn negotiated(name: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, &'static str)> {
    ENCODINGS
        .into_iter()
        .filter(|(encoding, _)| accepts(headers, encoding))
        .find_map(|(encoding, end)| Site::get(&format!("{name}{end}")).map(|file| (file, encoding)))
}

/// Whether `Accept-Encoding` names this coding and not with weight 0 (RFC 9110, section 12.5.3).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let (name, weight) = item.split_once(';').unwrap_or((item, ""));
            let weight = weight.trim().strip_prefix("q=").map(str::trim);
            let refused = weight.is_some_and(|weight| weight.parse::<f32>().unwrap_or(0.0) <= 0.0);
            name.trim().eq_ignore_ascii_case(encoding) && !refused
        })
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_taken_as_they_are_offered() {
        let accepts = |value: &str, encoding| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
            accepts(&headers, encoding)
        };
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("GZIP;q=0.5", "gzip"));
        assert!(!accepts("gzip;q=0, br", "gzip"));
        assert!(!accepts("gzip; q=0.0", "gzip"));
        assert!(!accepts("identity", "br"));
        assert!(!super::accepts(&HeaderMap::new(), "br"));
    }

    #[test]
    fn the_client_is_not_a_public_file() {
        assert!(public_file("/pkg/transfer4me.js", &HeaderMap::new()).is_none());
        assert!(public_file("/favicon.svg.br", &HeaderMap::new()).is_none());
        assert!(public_file("/", &HeaderMap::new()).is_none());
        assert!(public_file("/../Cargo.toml", &HeaderMap::new()).is_none());
    }
}
