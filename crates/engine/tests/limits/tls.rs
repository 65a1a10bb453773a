//! TLS that is wrong, slow or renewed: the rows AUTH-09 and AUTH-10. What rustls leaves no way to do, such as
//! renegotiation, is not tested.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fanfare_engine::Listener;
use fanfare_testkit::{Http, WebSocket};
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Node;
use crate::clock::Clock;
use crate::node::WEBSOCKET;

/// AUTH-09.
#[tokio::test]
async fn what_is_no_tls_is_refused() {
    let mut secured = Secured::start().await;
    // A hello of TLS 1.0 with one cipher suite, well-formed in every respect.
    let mut hello = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01".to_vec();
    hello.extend([7; 32]);
    hello.extend(b"\x00\x00\x02\x00\x2f\x01\x00");
    let inputs: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", &hello, &[0xff; 100]];
    for input in inputs {
        let mut connection = Http::connect(secured.address).await;
        connection.send(input).await;
        let answer = connection.read_to_end().await;
        assert!(answer.is_empty() || answer[0] == ALERT, "{answer:x?}");
    }
    assert_eq!(secured.failed("tls"), 4);
    secured.node.is_well().await;
}

/// AUTH-09: where there is one certificate, it is for the client to say that it does not fit.
#[tokio::test]
async fn a_client_that_wants_another_name_goes_away() {
    let mut secured = Secured::start().await;
    let stream = TcpStream::connect(secured.address).await.expect("the server accepts");
    let name = ServerName::try_from("elsewhere.example").expect("a name");
    TlsConnector::from(trusting("old")).connect(name, stream).await.expect_err("the name is wrong");
    secured.node.sings().await;
    assert_eq!(secured.failed("tls"), 1);
    secured.node.is_well().await;
}

/// AUTH-09.
#[tokio::test]
async fn a_handshake_has_10_seconds() {
    let clock = Clock::stop();
    let mut secured = Secured::start().await;
    let mut stalled = Http::connect(secured.address).await;
    stalled.send(b"\x16\x03\x01\x02\x00\x01\x00").await;
    let mut silent = secured.connect("old").await.expect("the certificate is trusted");
    clock.pass(Duration::from_millis(9900)).await;
    secured.node.sings().await;
    assert_eq!(secured.failed("tls_timeout"), 0);
    clock.pass(Duration::from_millis(200)).await;
    assert_eq!(stalled.read_to_end().await, b"");
    assert_eq!(secured.failed("tls_timeout"), 1);
    // Behind the handshake, the limits of plain connections apply.
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.expect("it is closed in good order");
    assert_eq!(rest, b"");
    secured.node.is_well().await;
}

/// AUTH-10.
#[tokio::test]
async fn a_handshake_may_come_byte_by_byte() {
    let mut secured = Secured::start().await;
    let stream = TcpStream::connect(secured.address).await.expect("the server accepts");
    stream.set_nodelay(true).expect("it is a TCP socket");
    let connector = TlsConnector::from(trusting("old"));
    let stream = connector.connect(localhost(), ByteByByte(stream)).await.expect("the handshake succeeds");
    let mut client = Client::open(stream).await;
    client.echoes("4slow but here").await;
    secured.node.is_well().await;
}

/// AUTH-10.
#[tokio::test]
async fn a_new_certificate_drops_no_connection() {
    let certificates = Arc::new(Renewable(Mutex::new(certificate("old"))));
    let config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(certificates.clone());
    let mut secured = Secured::with(config).await;
    let mut before = Client::open(secured.connect("old").await.expect("the old one is shown")).await;
    secured.connect("new").await.expect_err("the new one is not shown yet");
    *certificates.0.lock() = certificate("new");
    before.echoes("4undisturbed").await;
    let mut after = Client::open(secured.connect("new").await.expect("the new one is shown")).await;
    secured.connect("old").await.expect_err("the old one is no longer shown");
    after.echoes("4hello").await;
    before.echoes("4still undisturbed").await;
    secured.node.is_well().await;
}

/// The limits hold over TLS, where the engine cannot write to the socket itself.
#[tokio::test]
async fn a_client_that_does_not_read_is_closed_over_tls_too() {
    let clock = Clock::stop();
    let mut secured = Secured::start().await;
    let mut client = Client::open(secured.connect("old").await.expect("the certificate is trusted")).await;
    client.send(&WebSocket::frame(0x81, b"4expand 1000000").repeat(100)).await;
    clock.pass_secs(9).await;
    secured.node.sings().await;
    assert!(secured.node.count("fanfare_outbox_bytes", "") < 4_000_000);
    secured.node.nobody_ended();
    clock.pass_secs(2).await;
    secured.node.ends_with("slow consumer").await;
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).await.expect("it is closed in good order");
    assert!(rest.ends_with(b"\x88\x02\x03\xf0"), "closed with 1008");
    secured.node.is_well().await;
}

/// A burst over TLS is answered in order, and a bad frame with its code.
#[tokio::test]
async fn frames_are_judged_over_tls_too() {
    let mut secured = Secured::start().await;
    let mut client = Client::open(secured.connect("old").await.expect("the certificate is trusted")).await;
    let frames: Vec<u8> = (0..5000).flat_map(|i| WebSocket::frame(0x81, format!("4{i}").as_bytes())).collect();
    client.send(&[frames, b"\x81\x02\x34x".to_vec()].concat()).await;
    for i in 0..5000 {
        assert_eq!(client.frame().await, (0x81, format!("4{i}").into_bytes()));
    }
    assert_eq!(client.frame().await, (0x88, b"\x03\xea".to_vec()));
    secured.node.ends_with("transport error").await;
    secured.node.is_well().await;
}

/// A node with a second listener, which speaks TLS and counts for itself.
struct Secured {
    node: Node,
    address: SocketAddr,
    registry: Registry,
}

impl Secured {
    async fn start() -> Self {
        let key = certificate("old");
        let certificates = Arc::new(Renewable(Mutex::new(key)));
        Self::with(ServerConfig::builder().with_no_client_auth().with_cert_resolver(certificates)).await
    }

    async fn with(config: ServerConfig) -> Self {
        let node = Node::start().await;
        let registry = Registry::new();
        let listener = Listener::bind("127.0.0.1:0").await.expect("a free port").registry(&registry);
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(listener.tls(Arc::new(config)).serve(node.engine.service()));
        Self { node, address, registry }
    }

    async fn connect(&self, trusted: &str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(trusting(trusted)).connect(localhost(), stream).await
    }

    /// How many connections have failed in this way.
    fn failed(&self, kind: &str) -> u64 {
        crate::node::count(&self.registry, "fanfare_http_errors_total", kind)
    }
}

/// A WebSocket over whatever stream.
struct Client<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn open(stream: S) -> Self {
        let mut client = Self(stream);
        let headers = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
        let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        client.send(format!("GET {WEBSOCKET} HTTP/1.1\r\nhost: x\r\n{headers}{key}\r\n").as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.0.read_u8().await.expect("a head"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        assert!(client.frame().await.1.starts_with(b"0{"));
        client
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the server reads");
        self.0.flush().await.expect("the server reads");
    }

    /// The first byte and the payload of the next frame.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.0.read_u8().await.expect("a frame");
        let len = match self.0.read_u8().await.expect("a length") {
            126 => self.0.read_u16().await.expect("a length").into(),
            len => usize::from(len),
        };
        let mut payload = vec![0; len];
        self.0.read_exact(&mut payload).await.expect("a payload");
        (first, payload)
    }

    async fn echoes(&mut self, text: &str) {
        self.send(&WebSocket::frame(0x81, text.as_bytes())).await;
        assert_eq!(self.frame().await, (0x81, text.as_bytes().to_vec()));
    }
}

/// Writes one byte at a time.
struct ByteByByte(TcpStream);

impl AsyncRead for ByteByByte {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ByteByByte {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A certificate that can be exchanged while it is in use.
#[derive(Debug)]
struct Renewable(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Renewable {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().clone())
    }
}

fn certificate(name: &str) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::from_pem_file(format!("{FOLDER}/{name}.key.pem")).expect("a key");
    let provider = ServerConfig::builder().crypto_provider().clone();
    Arc::new(CertifiedKey::from_der(vec![public(name)], key, &provider).expect("they belong together"))
}

fn public(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(format!("{FOLDER}/{name}.pem")).expect("a certificate")
}

/// A client that trusts one of the certificates.
fn trusting(name: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(public(name)).expect("a certificate");
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

/// Two certificates for `localhost` that have signed themselves, valid until 2120.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/limits/tls");

/// The first byte of a TLS alert.
const ALERT: u8 = 0x15;
