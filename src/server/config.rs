//! What the operator sets: each option as a flag and as a `T4M_*` variable of the same meaning.
//!
//! Strict on purpose: an option that is silently ignored is found out in an emergency. The command line wins
//! over the environment.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::config_error::{PREFIX, refusal, variable};
use super::database::Ceilings;
use super::stun_url;
use crate::protocol::rooms::Topology;

pub use super::config_error::ConfigError;

/// Members of one room that a server can be set to: the roster still fits one signalling message.
const MOST_PEERS_PER_ROOM: u16 = 256;
/// Rooms that a server can be set to.
const MOST_ROOMS: u64 = 100_000_000;

/// Sends and plays files straight from browser to browser.
#[derive(Clone, Debug, Parser)]
#[command(name = "transfer4me", version, max_term_width = 100)]
pub struct Config {
    /// Address and port to serve HTTP on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Database, created and brought up to date at start: `sqlite:` and a path.
    #[arg(long, value_name = "URL", default_value = "sqlite:transfer4me.db", value_parser = database_url)]
    pub database_url: String,

    /// Origin under which browsers reach this server, such as `https://example.org`. Pages of any other origin
    /// are refused. Unset: the listening address, and localhost at the same port.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub public_url: Option<String>,

    /// Networks of reverse proxies whose X-Forwarded-For is believed, separated by commas.
    #[arg(long, value_name = "CIDRS", default_value = "", value_parser = networks)]
    pub trusted_proxies: Networks,

    /// STUN servers that browsers may ask for their own address, separated by commas. Empty: no other host is
    /// ever contacted.
    #[arg(long, value_name = "URLS", default_value = "", value_parser = stun_urls)]
    pub stun_urls: StunUrls,

    /// Longest life of a room: a number and s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = room_ttl)]
    pub room_ttl: Duration,

    /// Bytes that the sealed lists of files of all rooms may take together: a number, or one with KiB, MiB, GiB or
    /// TiB. No room is made beyond them; those that there are go on.
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = bytes)]
    pub max_stored_bytes: u64,

    /// Rooms at once, all that are not over.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000,
          value_parser = clap::value_parser!(u64).range(1..=MOST_ROOMS))]
    pub max_rooms: u64,

    /// Bytes that stay free on the disk of the database: no room is made that would take of them. 0: all may be used.
    #[arg(long, value_name = "BYTES", default_value = "512MiB", value_parser = bytes)]
    pub min_free_bytes: u64,

    /// Members of one room at once, its owner included.
    #[arg(long, value_name = "NUMBER", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(2..=i64::from(MOST_PEERS_PER_ROOM)))]
    pub max_peers_per_room: u16,

    /// Who serves whom in rooms that do not say it themselves: swarm (everyone who downloads helps), pool (complete
    /// copies serve, the rest wait in line), tree, chain, or direct (the sender serves everyone).
    #[arg(long, value_name = "NAME", default_value = "swarm", value_parser = topology)]
    pub topology: Topology,

    /// Whether browsers tell each other ways to connect one by one (true), which is faster, or all at once
    /// (false).
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub trickle_ice: bool,

    /// What to log: error, warn, info, debug or trace, or a filter such as `info,transfer4me=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,
}

/// Networks in CIDR notation.
#[derive(Clone, Debug, Default)]
pub struct Networks(pub Vec<IpNet>);

/// `stun:` URLs (RFC 7064).
#[derive(Clone, Debug, Default)]
pub struct StunUrls(pub Vec<String>);

impl Config {
    /// What all rooms together may take.
    pub fn ceilings(&self) -> Ceilings {
        Ceilings {
            rooms: self.max_rooms,
            bytes: self.max_stored_bytes,
            free_bytes: self.min_free_bytes,
        }
    }

    /// From the process's command line and environment.
    ///
    /// # Errors
    /// An unknown or malformed option or `T4M_*` variable.
    pub fn from_process() -> Result<Self, ConfigError> {
        Self::from_parts(std::env::args_os().skip(1), std::env::vars_os())
    }

    /// From a command line without the program's name, and an environment.
    ///
    /// # Errors
    /// An unknown or malformed option or `T4M_*` variable.
    pub fn from_parts(
        args: impl IntoIterator<Item = OsString>,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let command = command();
        let mut line = vec![OsString::from("transfer4me")];
        // Each variable becomes the flag that it stands for, in front of the real ones, which override it.
        for (name, value) in vars {
            let name = name.to_string_lossy();
            if !name.starts_with(PREFIX) {
                continue;
            }
            let Some(arg) = command.get_arguments().find(|arg| {
                arg.get_long().is_some_and(|long| variable(long) == name) && is_setting(arg)
            }) else {
                return Err(ConfigError {
                    text: format!("{name} is not a setting of transfer4me; --help lists them."),
                    exit_code: 2,
                });
            };
            let mut flag = OsString::from(format!("--{}=", arg.get_long().unwrap_or_default()));
            flag.push(value);
            line.push(flag);
        }
        line.extend(args);
        command
            .try_get_matches_from(line)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| refusal(&error))
    }
}

/// The command line, with the variable named in each option's help.
fn command() -> clap::Command {
    Config::command().args_override_self(true).mut_args(|arg| {
        let (Some(long), true) = (arg.get_long(), is_setting(&arg)) else { return arg };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let text = format!("{help} [env: {}]", variable(long));
        arg.help(text)
    })
}

fn is_setting(arg: &clap::Arg) -> bool {
    arg.get_action().takes_values()
}

fn database_url(text: &str) -> Result<String, String> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(text.into()),
        _ => Err("it must be sqlite: and a path, such as sqlite:transfer4me.db".into()),
    }
}

/// An origin as browsers write it (RFC 6454, section 6.2): lower case, no default port, no trailing slash.
fn origin(text: &str) -> Result<String, String> {
    let refused = || "it must be an origin such as https://example.org, without a path".to_owned();
    let uri: http::Uri = text.trim_end_matches('/').parse().map_err(|_| refused())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(refused());
    };
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(refused()),
    };
    if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some()
    {
        return Err(refused());
    }
    let host = authority.host().to_ascii_lowercase();
    Ok(match authority.port_u16() {
        Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

fn networks(text: &str) -> Result<Networks, String> {
    items(text)
        .map(|item| {
            // A bare address is a network of one.
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{item:?} is not a network such as 10.0.0.0/8"))
        })
        .collect::<Result<_, _>>()
        .map(Networks)
}

fn stun_urls(text: &str) -> Result<StunUrls, String> {
    items(text)
        .map(|item| {
            stun_url::checked(item).map_err(|problem| {
                format!("{item:?} is not a STUN URL such as stun:stun.example.org:3478: {problem}")
            })
        })
        .collect::<Result<_, _>>()
        .map(StunUrls)
}

/// The parts of a comma-separated list; an empty text is an empty list.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let parts = if text.trim().is_empty() { None } else { Some(text.split(',').map(str::trim)) };
    parts.into_iter().flatten()
}

/// A whole number of bytes, plain or in a unit.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("", 0)];
    let parts = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (number, shift) = parts.unwrap_or((text, &0));
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it must be a whole number of bytes, such as 1073741824 or 1GiB".into());
    }
    // What a signed number of 64 bits holds, as everywhere in the database.
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| "it must be less than 8388608TiB".into())
}

fn topology(text: &str) -> Result<Topology, String> {
    Topology::ALL
        .into_iter()
        .find(|topology| topology.as_str() == text)
        .ok_or_else(|| "it must be direct, chain, tree, pool or swarm".into())
}

fn room_ttl(text: &str) -> Result<Duration, String> {
    let refused = || "it must be a whole number and s, m, h or d, such as 24h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().wrapping_sub(1)).ok_or_else(refused)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(refused()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds) if (1..=366 * 24 * 60 * 60).contains(&seconds) => {
            Ok(Duration::from_secs(seconds))
        }
        Some(_) => Err("it must be between 1s and 366d".into()),
        None => Err(refused()),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str], vars: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_parts(
            args.iter().map(OsString::from),
            vars.iter().map(|(name, value)| (name.into(), value.into())),
        )
        .map_err(|error| error.to_string())
    }

    fn refused(name: &str, value: &str) {
        let flag = format!("--{}", name[PREFIX.len()..].to_lowercase().replace('_', "-"));
        let text = config(&[], &[(name, value)]).unwrap_err();
        assert!(text.contains(name) && text.contains(&flag), "{name}={value}: {text}");
        let text = config(&[&format!("{flag}={value}")], &[]).unwrap_err();
        assert!(text.contains(name) && text.contains(&flag), "{flag}={value}: {text}");
    }

    #[test]
    fn nothing_has_to_be_set() {
        let config = config(&[], &[("HOME", "/root"), ("T4", "x")]).unwrap();
        assert_eq!(config.listen, "127.0.0.1:3000".parse().unwrap());
        assert_eq!(config.database_url, "sqlite:transfer4me.db");
        assert_eq!(config.room_ttl, Duration::from_secs(86_400));
        assert_eq!((config.max_peers_per_room, config.topology), (64, Topology::Swarm));
        assert_eq!((config.max_stored_bytes, config.min_free_bytes), (1 << 30, 512 << 20));
        assert_eq!(config.max_rooms, 100_000);
        assert!(config.public_url.is_none() && config.stun_urls.0.is_empty());
        assert!(config.trickle_ice && config.trusted_proxies.0.is_empty());
    }

    #[test]
    fn flags_and_variables_mean_the_same_and_flags_win() {
        let vars = [
            ("T4M_LISTEN", "[::]:80"),
            ("T4M_DATABASE_URL", "sqlite:/data/rooms.db"),
            ("T4M_PUBLIC_URL", "https://Example.org:443/"),
            ("T4M_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("T4M_STUN_URLS", "stun:a.example:3478,stun:b.example"),
            ("T4M_ROOM_TTL", "90m"),
            ("T4M_MAX_PEERS_PER_ROOM", "8"),
            ("T4M_MAX_STORED_BYTES", "1000000"),
            ("T4M_MAX_ROOMS", "12"),
            ("T4M_MIN_FREE_BYTES", "0"),
            ("T4M_TOPOLOGY", "chain"),
            ("T4M_TRICKLE_ICE", "false"),
            ("T4M_LOG", "warn,transfer4me=debug"),
        ];
        let from_vars = config(&[], &vars).unwrap();
        let flags: Vec<_> = vars
            .iter()
            .map(|(name, value)| {
                format!("--{}={value}", name[PREFIX.len()..].to_lowercase().replace('_', "-"))
            })
            .collect();
        let from_flags = config(&flags.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert_eq!(format!("{from_vars:?}"), format!("{:?}", from_flags.unwrap()));
        assert_eq!(from_vars.public_url.as_deref(), Some("https://example.org"));
        assert_eq!(from_vars.room_ttl, Duration::from_secs(5400));
        assert_eq!((from_vars.stun_urls.0.len(), from_vars.topology), (2, Topology::Chain));
        assert_eq!((from_vars.max_stored_bytes, from_vars.max_rooms), (1_000_000, 12));
        assert_eq!(from_vars.min_free_bytes, 0);
        assert_eq!(config(&["--room-ttl", "1d"], &vars).unwrap().room_ttl.as_secs(), 86_400);
    }

    #[test]
    fn an_unknown_variable_or_flag_is_named() {
        assert!(config(&[], &[("T4M_LISTNE", "x")]).unwrap_err().contains("T4M_LISTNE"));
        assert!(config(&[], &[("T4M_HELP", "x")]).unwrap_err().contains("T4M_HELP"));
        assert!(config(&["--listne=x"], &[]).unwrap_err().contains("--listne"));
    }

    #[test]
    fn a_malformed_value_is_named_whichever_way_it_came() {
        refused("T4M_LISTEN", "localhost");
        refused("T4M_DATABASE_URL", "postgres://x");
        refused("T4M_DATABASE_URL", "sqlite:");
        for url in ["example.org", "ftp://x", "https://x/path", "https://u@x", "https://x?a"] {
            refused("T4M_PUBLIC_URL", url);
        }
        refused("T4M_TRUSTED_PROXIES", "10.0.0.0/33");
        refused("T4M_STUN_URLS", "stun.example.org");
        refused("T4M_STUN_URLS", "stun:127.0.0.1:3478?transport=udp");
        refused("T4M_STUN_URLS", "stun:a.example,stuns:b.example");
        for time in
            ["", "h", "24", "1.5h", "-1h", "24x", "0s", "400d", "é", "99999999999999999999s"]
        {
            refused("T4M_ROOM_TTL", time);
        }
        for number in ["1", "many", "70000", "-3"] {
            refused("T4M_MAX_PEERS_PER_ROOM", number);
        }
        let bytes = "-1 +1 1.5GiB 1_GiB GiB 1GB 1gib 1G 0x10 8388608TiB 18446744073709551616";
        for bytes in bytes.split(' ').chain(["", "1 GiB"]) {
            refused("T4M_MAX_STORED_BYTES", bytes);
            refused("T4M_MIN_FREE_BYTES", bytes);
        }
        for number in ["", "0", "-1", "1e3", "100000001"] {
            refused("T4M_MAX_ROOMS", number);
        }
        for name in ["", "star", "Swarm", "swarm ", "direct,chain"] {
            refused("T4M_TOPOLOGY", name);
        }
        refused("T4M_TRICKLE_ICE", "perhaps");
        refused("T4M_LOG", "transfer4me=loud");
    }

    #[test]
    fn help_names_every_variable() {
        let help = config(&["--help"], &[]).unwrap_err();
        for arg in command().get_arguments().filter(|arg| is_setting(arg)) {
            let name = variable(arg.get_long().unwrap());
            assert!(help.contains(&name), "{name}");
        }
    }
}
