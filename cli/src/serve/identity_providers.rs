//! Calls to identity providers, behind the same guard as the calls of actions.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, redirect};
use service::identity::oidc::{Call, Reply, Transport, TransportError};
use worker::egress::{EgressPolicy, GuardedResolver, Lookup, SystemLookup, Target, Trust};

/// Longest wait for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// Calls identity providers as far as the egress policy allows.
#[derive(Debug)]
pub struct GuardedTransport {
    policy: Arc<EgressPolicy>,
    listed: Client,
    usual_port: Client,
    other_port: Client,
}

impl GuardedTransport {
    /// Sets up a client for each way in which a host may be trusted.
    pub fn new(policy: EgressPolicy) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let lookup: Arc<dyn Lookup> = Arc::new(SystemLookup);
        let client = |trust| client(GuardedResolver::new(Arc::clone(&lookup), Arc::clone(&policy), trust));
        Ok(Self {
            listed: client(Trust::Listed)?,
            usual_port: client(Trust::UsualPort)?,
            other_port: client(Trust::OtherPort)?,
            policy: Arc::clone(&policy),
        })
    }

    async fn send(&self, call: Call) -> Result<Reply, TransportError> {
        let target = Target::parse(&call.url, &self.policy).map_err(|denied| TransportError::Failed(denied.into()))?;
        let client = match target.trust() {
            Trust::Listed => &self.listed,
            Trust::UsualPort => &self.usual_port,
            Trust::OtherPort => &self.other_port,
        };
        let url = target.url().clone();
        let mut request = match &call.form {
            Some(form) => client
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.reveal().to_owned()),
            None => client.get(url),
        };
        request = request.header(ACCEPT, "application/json").timeout(call.timeout);
        if let Some(authorization) = &call.authorization {
            let mut value = HeaderValue::from_str(authorization.reveal())
                .map_err(|not_a_header| TransportError::Failed(not_a_header.into()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|error| failed(error, call.timeout))?;
        let status = response.status().as_u16();
        Ok(Reply { status, body: body(response, &call).await? })
    }
}

impl Transport for GuardedTransport {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, TransportError>> {
        self.send(call).boxed()
    }
}

/// Reads the body and stops at the first byte over the limit.
async fn body(mut response: Response, call: &Call) -> Result<Vec<u8>, TransportError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(error, call.timeout))? {
        if body.len().saturating_add(chunk.len()) > call.max_bytes {
            return Err(TransportError::TooLarge(call.max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The address is left out: the issuer is named where this is told.
fn failed(error: reqwest::Error, timeout: Duration) -> TransportError {
    if error.is_timeout() {
        TransportError::TimedOut(timeout)
    } else {
        TransportError::Failed(error.without_url().into())
    }
}

/// Proxies of the environment, cookies and redirects are off: each would lead where the guard has not looked.
fn client(resolver: GuardedResolver) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(resolver))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .build()
}

#[cfg(test)]
mod tests {
    use service::sealed::Secret;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with `answer`; its address, and what it was asked.
    async fn once(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut connection, _peer) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4_096];
            let mut length = 0;
            while !String::from_utf8_lossy(&asked[..length]).ends_with("code=1") {
                length += connection.read(&mut asked[length..]).await.unwrap();
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (url, asked)
    }

    fn call(url: String) -> Call {
        let (form, authorization) = (Some(Secret::new("code=1")), Some(Secret::new("Basic abc")));
        Call { url, form, authorization, max_bytes: 8, timeout: Duration::from_secs(10) }
    }

    fn transport(policy: EgressPolicy) -> GuardedTransport {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        GuardedTransport::new(policy).unwrap()
    }

    #[tokio::test]
    async fn a_form_is_sent_and_a_redirect_not_followed() {
        let (url, asked) =
            once("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\n{}").await;
        let reply = transport(EgressPolicy::strict().with_loopback()).call(call(url)).await.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (302, b"{}".as_slice()));
        let asked = asked.await.unwrap().to_lowercase();
        assert!(asked.starts_with("post /token http/1.1") && asked.contains("authorization: basic abc"), "{asked}");
        assert!(asked.contains("content-type: application/x-www-form-urlencoded"), "{asked}");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_not_read() {
        let (url, _asked) = once("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789").await;
        let refused = transport(EgressPolicy::strict().with_loopback()).call(call(url)).await;
        assert!(matches!(refused, Err(TransportError::TooLarge(8))), "{refused:?}");
    }

    #[tokio::test]
    async fn what_the_policy_forbids_is_not_called() {
        let transport = transport(EgressPolicy::strict());
        for url in
            ["http://127.0.0.1:1/", "https://10.0.0.1/", "http://169.254.169.254/", "https://[::1]/", "file:///x"]
        {
            let refused = transport.call(call(url.to_owned())).await;
            let Err(TransportError::Failed(source)) = refused else { panic!("{url}: {refused:?}") };
            assert!(!source.is::<reqwest::Error>(), "{url}: {source}");
        }
    }
}
