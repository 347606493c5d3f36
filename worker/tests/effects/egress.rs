//! The guard as a whole: every spelling of a forbidden place, and names that resolve to one.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use engine::machine::ErrorClass;
use futures::future::{BoxFuture, FutureExt};
use sluice_worker::effects::{HttpEffect, HttpLimits};
use sluice_worker::egress::{EgressPolicy, Lookup};

use crate::stub::{Stub, json_answer};
use crate::{fail, install_crypto, request, succeed};

/// Answers the n-th question with the n-th list, and from then on with the last.
#[derive(Debug)]
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
    names: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
            names: Mutex::default(),
        })
    }
}

impl Lookup for Scripted {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        self.names.lock().unwrap().push(name);
        let answer = self.answers[nth].clone();
        async move { Ok(answer) }.boxed()
    }
}

fn resolving(policy: EgressPolicy, lookup: &Arc<Scripted>) -> HttpEffect {
    install_crypto();
    let lookup: Arc<dyn Lookup> = Arc::clone(lookup) as Arc<dyn Lookup>;
    HttpEffect::with_lookup(policy, HttpLimits::default(), lookup).unwrap()
}

/// Hosts, separated by blanks, that all lead somewhere forbidden.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        "loopback, in every way that an IPv4 address can be written",
        "127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 0x7f000001 0x7F.0x0.0x0.0x1 0x7f.1 017700000001 \
         0177.0.0.1 0177.1 127.0.0.0x1 127.0.0.01 127.0.0.1. 0x7f.0.1. %31%32%37.0.0.1 127%2e0%2e0%2e1 \
         127。0。0。1 ①②⑦.⓪.⓪.① １２７.０.０.１",
    ),
    (
        "credentials of the machine",
        "169.254.169.254 169.254.43518 2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 025177524776 \
         0251.0376.0251.0376 169.254.169.254. ①⑥⑨。②⑤④。①⑥⑨。②⑤④ 168.63.129.16 100.100.100.200 \
         metadata.google.internal METADATA.GOOGLE.INTERNAL. metadata.goog instance-data",
    ),
    (
        "unspecified, private, shared, reserved, multicast, broadcast",
        "0 0.0.0.0 0x0 00 0.1 10.0.0.1 10.1 167772161 0xa000001 012.1 172.16.0.1 172.31.255.255 0xac100001 \
         192.168.0.1 192.168.1 3232235521 0300.0250.0.1 100.64.0.1 192.0.0.1 192.88.99.1 198.18.0.1 203.0.113.1 \
         224.0.0.1 240.0.0.1 255.255.255.255 4294967295",
    ),
    (
        "IPv6, and IPv4 hidden in it",
        "[::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::127.0.0.1] [::7f00:1] \
         [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:169.254.169.254] [0:0:0:0:0:ffff:a9fe:a9fe] \
         [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a00:1] [2002:7f00:1::] \
         [2002:a9fe:a9fe::1] [2001:0:a9fe:a9fe::1] [2001:db8::1] [fc00::1] [fd00:ec2::254] [fe80::1] \
         [fe80::1%25eth0] [fec0::1] [ff02::1] [5f00::1] [fe80::5efe:7f00:1]",
    ),
    (
        "what a hasty reader takes for the host",
        r"example.com@127.0.0.1 example.com:80@127.0.0.1 127.0.0.1\@example.com example.com%40@127.0.0.1
          127.0.0.1:80#@example.com 127.0.0.1?@example.com 127.0.0.1%00.example.com
          127.0.0.1%0d%0a.example.com 127.0.0.1%09.example.com 127.0.0.1%2f.example.com",
    ),
];

#[tokio::test]
async fn every_spelling_of_a_forbidden_address_is_refused_before_a_name_server_is_asked() {
    let lookup = Scripted::new(&[&["127.0.0.1"]]);
    let http = resolving(EgressPolicy::strict(), &lookup);
    let hosts: Vec<&str> = FORBIDDEN.iter().flat_map(|(_, hosts)| hosts.split_whitespace()).collect();
    assert!(hosts.len() >= 60, "{}", hosts.len());
    for host in hosts {
        for url in [format!("http://{host}/latest"), format!("https://{host}"), format!("HTTP:\\\\{host}\\a")] {
            let error = fail(&http, &request("GET", url.clone())).await;
            assert!(matches!(error.code.as_str(), "EGRESS_DENIED" | "INVALID_URL"), "{url}: {error:?}");
            assert_eq!(error.retryable_class, ErrorClass::Other, "{url}");
        }
    }
    assert_eq!(*lookup.names.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn schemes_other_than_http_and_ports_of_other_protocols_are_refused() {
    let lookup = Scripted::new(&[&["93.184.216.34"]]);
    let http = resolving(EgressPolicy::strict(), &lookup);
    for (url, code) in [
        ("file:///etc/passwd", "EGRESS_DENIED"),
        ("ftp://example.com/", "EGRESS_DENIED"),
        ("gopher://example.com:70/", "EGRESS_DENIED"),
        ("unix:/var/run/docker.sock", "EGRESS_DENIED"),
        ("javascript:alert(1)", "EGRESS_DENIED"),
        ("http://example.com:22/", "EGRESS_DENIED"),
        ("http://example.com:6379/", "EGRESS_DENIED"),
        ("http://93.184.216.34:25/", "EGRESS_DENIED"),
        ("http://example.com:99999/", "INVALID_URL"),
        ("http://", "INVALID_URL"),
        ("example.com/path", "INVALID_URL"),
        ("", "INVALID_URL"),
        ("https://user:pass@example.com/", "INVALID_URL"),
    ] {
        assert_eq!(fail(&http, &request("GET", url)).await.code, code, "{url}");
    }
}

#[tokio::test]
async fn a_name_is_refused_when_any_of_its_addresses_is_forbidden() {
    for answer in [
        &["127.0.0.1"][..],
        &["::1"],
        &["::ffff:10.0.0.1"],
        &["64:ff9b::a9fe:a9fe"],
        &["93.184.216.34", "10.0.0.1"],
        &["93.184.216.34", "93.184.216.35", "93.184.216.36", "169.254.169.254"],
    ] {
        let lookup = Scripted::new(&[answer]);
        let http = resolving(EgressPolicy::strict(), &lookup);
        let error = fail(&http, &request("GET", "http://innocent.example/")).await;
        assert_eq!(error.code, "EGRESS_DENIED", "{answer:?}");
        for address in answer {
            assert!(!error.message.contains(address), "the message gives the address away: {}", error.message);
        }
    }
}

#[tokio::test]
async fn a_second_answer_of_the_name_server_cannot_replace_the_checked_one() {
    let stub = Stub::answering(|_| json_answer("{\"reached\":true}")).await;
    let lookup = Scripted::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let http = resolving(EgressPolicy::strict().allowing("127.0.0.1").unwrap(), &lookup);
    let url = format!("http://rebinding.example:{}/", stub.port());
    assert_eq!(succeed(&http, &request("GET", url.clone())).await["body"]["reached"], true);
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 1, "one question: the address checked is the one connected to");
    // The stub closes after each answer, so the next call connects, asks and is checked again.
    assert_eq!(fail(&http, &request("GET", url)).await.code, "EGRESS_DENIED");
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_listed_name_may_be_internal_on_its_port_alone() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let lookup = Scripted::new(&[&["127.0.0.1"]]);
    let list = format!("stock.internal:{}", stub.port());
    let http = resolving(EgressPolicy::strict().allowing(&list).unwrap(), &lookup);
    succeed(&http, &request("GET", format!("http://Stock.Internal.:{}/", stub.port()))).await;
    for url in ["http://stock.internal/", "http://stock.internal:9/", "http://other.internal/"] {
        assert_eq!(fail(&http, &request("GET", url)).await.code, "EGRESS_DENIED", "{url}");
    }
    let metadata = Scripted::new(&[&["169.254.169.254"]]);
    let http = resolving(EgressPolicy::strict().allowing("stock.internal").unwrap(), &metadata);
    assert_eq!(fail(&http, &request("GET", "http://stock.internal/")).await.code, "EGRESS_DENIED");
}

#[tokio::test]
async fn a_name_without_addresses_is_a_transient_failure_of_its_own() {
    let lookup = Scripted::new(&[&[]]);
    let http = resolving(EgressPolicy::strict(), &lookup);
    let error = fail(&http, &request("GET", "https://gone.example/?k=s3cret")).await;
    assert_eq!((error.code.as_str(), error.retryable_class), ("DNS_FAILED", ErrorClass::Connection));
    assert_eq!(error.message, "GET gone.example: the host name cannot be resolved");
}
