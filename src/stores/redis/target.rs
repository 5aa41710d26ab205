//! Where Redis is, by its URL: one server, a master found through sentinels, or a cluster.

use std::{fmt, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, RedisResult, ScriptInvocation, TlsMode,
    aio::{MultiplexedConnection, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    sentinel::{Sentinel, SentinelNodeConnectionInfo},
};
use tokio::sync::Mutex;

use crate::{Error, ErrorKind};

/// Where Redis is.
pub(super) enum Target {
    Single(Client),
    Sentinel {
        /// Behind a lock because it keeps connections to the sentinels.
        sentinel: Mutex<Sentinel>,
        master: String,
        node: SentinelNodeConnectionInfo,
    },
    Cluster {
        client: ClusterClient,
        /// Notices go through every node of a cluster, so one will do.
        nodes: Vec<Client>,
    },
}

/// A connection. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

// === impl Target ===

impl Target {
    /// Reads `url`. An error repeats nothing of it, as it may hold a password.
    pub(super) fn parse(url: &str, timeout: Duration) -> Result<Self, Error> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(wrong("it has no scheme: write it like redis://host:6379"));
        };
        match scheme.split_once('+') {
            Some((scheme @ ("redis" | "rediss" | "valkey" | "valkeys"), "sentinel")) => {
                Self::sentinel(scheme, rest)
            }
            Some((scheme @ ("redis" | "rediss" | "valkey" | "valkeys"), "cluster")) => {
                Self::cluster(scheme, rest, timeout)
            }
            _ => Client::open(url).map(Self::Single).map_err(|error| {
                wrong("it is none that Redis knows: write it like redis://host:6379")
                    .caused_by(error.category().to_owned())
            }),
        }
    }

    fn sentinel(scheme: &str, rest: &str) -> Result<Self, Error> {
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = credentials(hosts);
        let (master, database) = path.split_once('/').unwrap_or((path, "0"));
        if master.is_empty() {
            return Err(wrong(
                "it names no master: write it like redis+sentinel://host:26379,host:26379/mymaster",
            ));
        }
        let nodes = hosts.split(',').map(|host| format!("{scheme}://{host}"));
        let sentinel = Sentinel::build(nodes.collect()).map_err(unusable)?;
        let example = format!("{scheme}://{user}host/{database}");
        let info = example.into_connection_info().map_err(unusable)?;
        let mut node = SentinelNodeConnectionInfo::default()
            .set_redis_connection_info(info.redis_settings().clone());
        if scheme.ends_with('s') && scheme != "redis" {
            node = node.set_tls_mode(TlsMode::Secure);
        }
        Ok(Self::Sentinel {
            sentinel: Mutex::new(sentinel),
            master: master.to_owned(),
            node,
        })
    }

    fn cluster(scheme: &str, rest: &str, timeout: Duration) -> Result<Self, Error> {
        let hosts = rest.split('/').next().unwrap_or_default();
        let (user, hosts) = credentials(hosts);
        let urls: Vec<String> = hosts
            .split(',')
            .map(|host| format!("{scheme}://{user}{host}"))
            .collect();
        let nodes: RedisResult<Vec<Client>> = urls.iter().cloned().map(Client::open).collect();
        let client = ClusterClient::builder(urls)
            .connection_timeout(timeout)
            .response_timeout(timeout)
            .overall_response_timeout(Some(timeout))
            .build()
            .map_err(unusable)?;
        Ok(Self::Cluster {
            client,
            nodes: nodes.map_err(unusable)?,
        })
    }

    pub(super) async fn connect(&self, timeout: Duration) -> RedisResult<Connection> {
        if let Self::Cluster { client, .. } = self {
            return client.get_async_connection().await.map(Connection::Cluster);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        let client = self.client().await?;
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        connection.await.map(Connection::Single)
    }

    /// Opens a connection on which notices come.
    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        self.client().await?.get_async_pubsub().await
    }

    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Single(client) => Ok(client.clone()),
            Self::Sentinel {
                sentinel,
                master,
                node,
            } => {
                sentinel
                    .lock()
                    .await
                    .async_master_for(master, Some(node))
                    .await
            }
            // Another one each time, as any of them may be down.
            Self::Cluster { nodes, .. } => Ok(nodes[fastrand::usize(..nodes.len())].clone()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single(_) => "Single",
            Self::Sentinel { .. } => "Sentinel",
            Self::Cluster { .. } => "Cluster",
        })
    }
}

// === impl Connection ===

impl Connection {
    pub(super) async fn invoke<T: redis::FromRedisValue>(
        &mut self,
        script: &ScriptInvocation<'_>,
    ) -> RedisResult<T> {
        match self {
            Self::Single(connection) => script.invoke_async(connection).await,
            Self::Cluster(connection) => script.invoke_async(connection).await,
        }
    }
}

/// Splits user and password off, with the `@` that follows.
fn credentials(hosts: &str) -> (&str, &str) {
    hosts.split_at(hosts.rfind('@').map_or(0, |at| at + 1))
}

fn unusable(error: redis::RedisError) -> Error {
    wrong("it cannot be used").caused_by(error.category().to_owned())
}

fn wrong(why: &str) -> Error {
    Error::with_message(
        ErrorKind::Config,
        format!("the URL of the Redis store: {why}"),
    )
}
