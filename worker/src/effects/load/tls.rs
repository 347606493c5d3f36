//! Encrypted connections to databases, trusted as those of HTTP calls are.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Made once, as that of HTTP calls is: the certificates of the system are read from its disk.
static CONFIG: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();

async fn config() -> Result<Arc<ClientConfig>, String> {
    let made = CONFIG.get_or_try_init(|| async {
        match spawn_blocking(ClientConfig::with_platform_verifier).await {
            Ok(Ok(config)) => Ok(Arc::new(config)),
            Ok(Err(problem)) => Err(format!("no secure connection: {problem}")),
            Err(problem) => Err(format!("no secure connection: the certificates were not read: {problem}")),
        }
    });
    made.await.map(Arc::clone)
}

/// Encrypts a connection to `host`, whose certificate has to be for that name and from an authority that the system
/// trusts. The error is for people.
pub(super) async fn encrypted(stream: TcpStream, host: &str) -> Result<TlsStream<TcpStream>, String> {
    let config = config().await?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|_invalid| "the host is no name that a certificate can have".to_owned())?;
    let connector = TlsConnector::from(config);
    connector.connect(name, stream).await.map_err(|problem| format!("no secure connection: {problem}"))
}
