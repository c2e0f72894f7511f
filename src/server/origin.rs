//! Which pages may talk to this server.
//!
//! Browsers put the page's own origin into `Origin` and no page can change it. They do not keep other sites'
//! pages from opening WebSockets or posting forms, so the server does (RFC 6455, section 10.2).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::ORIGIN;

use crate::api::ApiError;

/// Origins that are let in, compared as whole texts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AllowedOrigins(Arc<[String]>);

impl AllowedOrigins {
    /// The public URL alone; without one, what a browser on this machine would use, and the listening address.
    pub fn new(public_url: Option<&str>, address: SocketAddr) -> Self {
        Self(match public_url {
            Some(url) => [url.to_owned()].into(),
            None => {
                let hosts = ["localhost".into(), "127.0.0.1".into(), host(address)];
                // Browsers leave the default port out.
                let port = match address.port() {
                    80 => String::new(),
                    port => format!(":{port}"),
                };
                hosts.iter().map(|host| format!("http://{host}{port}")).collect()
            }
        })
    }

    /// Whether browsers reach this server by HTTPS.
    pub fn is_https(&self) -> bool {
        self.0.iter().all(|origin| origin.starts_with("https://"))
    }

    /// The first of them, for people.
    pub fn shown(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The check that a socket has to pass before it is one.
    ///
    /// # Errors
    /// [`ApiError::ForeignOrigin`].
    pub fn check_socket(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.allow_stated(headers) {
            return Ok(());
        }
        tracing::warn!(
            origin = ?headers.get(ORIGIN),
            "refused a socket from another origin; T4M_PUBLIC_URL sets the right one"
        );
        Err(ApiError::ForeignOrigin)
    }

    /// Whether the request states an allowed origin.
    fn allow_stated(&self, headers: &HeaderMap) -> bool {
        headers.get(ORIGIN).is_some_and(|stated| {
            self.0.iter().any(|origin| origin.as_bytes() == stated.as_bytes())
        })
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// Our pages send no referrer, and then browsers hide the origin of a plain form as well, even from its own site
/// (Fetch, "append a request `Origin` header"). They still say whose page it was, where no page can lie.
fn is_own_form(headers: &HeaderMap) -> bool {
    let says = |name: &str, what: &str| headers.get(name).is_some_and(|value| value == what);
    says("origin", "null") && says("sec-fetch-site", "same-origin")
}

/// Refuses what would change something and says that it comes from another site. Programs that are no browsers
/// send no `Origin`, and have no cookies that anyone could abuse.
pub async fn refuse_foreign(
    State(origins): State<AllowedOrigins>,
    request: Request,
    next: Next,
) -> Response {
    let changes_nothing = request.method().is_safe();
    if changes_nothing
        || !request.headers().contains_key(ORIGIN)
        || origins.allow_stated(request.headers())
        || is_own_form(request.headers())
    {
        return next.run(request).await;
    }
    tracing::warn!(
        origin = ?request.headers().get(ORIGIN),
        "refused a request from another origin; T4M_PUBLIC_URL sets the right one"
    );
    super::rest::Refused(ApiError::ForeignOrigin).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &AllowedOrigins, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        origins.allow_stated(&headers)
    }

    #[test]
    fn only_the_public_url_counts_once_it_is_set() {
        let address = "127.0.0.1:3000".parse().unwrap();
        let origins = AllowedOrigins::new(Some("https://example.org"), address);
        assert!(allows(&origins, "https://example.org") && origins.is_https());
        for origin in [
            "http://example.org",
            "https://example.org:8443",
            "https://example.org.evil.example",
            "https://sub.example.org",
            "http://127.0.0.1:3000",
            "null",
        ] {
            assert!(!allows(&origins, origin), "{origin}");
        }
        assert!(!origins.allow_stated(&HeaderMap::new()));
    }

    #[test]
    fn without_it_this_machine_and_the_listening_address_count() {
        let origins = AllowedOrigins::new(None, "192.0.2.1:8080".parse().unwrap());
        for host in ["localhost", "127.0.0.1", "192.0.2.1"] {
            assert!(allows(&origins, &format!("http://{host}:8080")), "{host}");
            assert!(!allows(&origins, &format!("http://{host}:8081")), "{host}");
            assert!(!allows(&origins, &format!("https://{host}:8080")), "{host}");
        }
        let origins = AllowedOrigins::new(None, "[::1]:80".parse().unwrap());
        assert!(allows(&origins, "http://[::1]") && allows(&origins, "http://localhost"));
    }
}
