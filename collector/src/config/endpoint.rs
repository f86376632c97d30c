//! Where the collector listens: settings that every such place has, beside its own.

use std::time::Duration;

use super::{Auth, ServerTls};

/// Who may connect, and for how long.
#[derive(Clone, Debug)]
pub struct Access {
    /// The extension that says who may.
    pub auth: Option<Auth>,
    /// TLS; none: plain text.
    pub tls: Option<ServerTls>,
    /// Anybody may, though the address is not the loopback's.
    pub allow_unauthenticated: bool,
    /// Names by which this host may be called, beside its addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Connections at once.
    pub max_connections: u32,
    /// Time for a request's headers.
    pub read_header_timeout: Duration,
    /// Time for a whole request.
    pub read_timeout: Duration,
    /// Time between requests.
    pub idle_timeout: Duration,
}

/// Makes a struct of `endpoint`, fields of its own, and those of [`Access`].
///
/// Why not one struct inside the other? Settings stand beside each other in the file, and serde's `flatten` no longer knows
/// in which of them an error is.
macro_rules! endpoint {
    (
        $(#[$meta:meta])*
        pub struct $name:ident on $port:literal {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty = $default:expr,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Address to listen on.
            #[serde(with = "values::address")]
            pub endpoint: std::net::SocketAddr,
            $($(#[$field_meta])* pub $field: $type,)*
            /// The extension that says who may connect.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub auth: Option<$crate::config::Auth>,
            /// TLS; none: plain text.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub tls: Option<$crate::config::ServerTls>,
            /// Anybody may connect, though the address is not the loopback's.
            pub allow_unauthenticated: bool,
            /// Names by which this host may be called, beside its addresses and `localhost`.
            pub allowed_hosts: Vec<String>,
            /// Connections at once; beyond it those that are idle longest make room.
            pub max_connections: u32,
            /// Time for a request's headers.
            #[serde(with = "values::duration")]
            pub read_header_timeout: std::time::Duration,
            /// Time for a whole request.
            #[serde(with = "values::duration")]
            pub read_timeout: std::time::Duration,
            /// Time between requests, after which a connection is closed.
            #[serde(with = "values::duration")]
            pub idle_timeout: std::time::Duration,
        }

        impl Default for $name {
            fn default() -> $name {
                $name {
                    endpoint: std::net::SocketAddr::from(([127, 0, 0, 1], $port)),
                    $($field: $default,)*
                    auth: None,
                    tls: None,
                    allow_unauthenticated: false,
                    allowed_hosts: Vec::new(),
                    max_connections: 512,
                    read_header_timeout: std::time::Duration::from_secs(10),
                    read_timeout: std::time::Duration::from_secs(30),
                    idle_timeout: std::time::Duration::from_secs(60),
                }
            }
        }

        impl $name {
            /// Who may connect, and for how long.
            pub fn access(&self) -> $crate::config::Access {
                $crate::config::Access {
                    auth: self.auth.clone(),
                    tls: self.tls.clone(),
                    allow_unauthenticated: self.allow_unauthenticated,
                    allowed_hosts: self.allowed_hosts.clone(),
                    max_connections: self.max_connections,
                    read_header_timeout: self.read_header_timeout,
                    read_timeout: self.read_timeout,
                    idle_timeout: self.idle_timeout,
                }
            }
        }
    };
}

pub(super) use endpoint;
