//! The `fanfare` binary: one Socket.IO node.

mod adapter;
mod admin;
mod app;
mod client;
mod config;
mod health;
mod logging;
mod metrics;
mod page;
mod signals;

use std::error::Error;
use std::io::Write as _;
use std::net::ToSocketAddrs as _;
use std::process::ExitCode;
use std::thread;

use fanfare::{Cors, Listener, Server, ServerBuilder};
use fanfare_redis::RedisAdapter;
use prometheus::Registry;
use tower_layer::Layer as _;

use admin::{Admin, Readiness};
use config::{Command, Config};
use logging::Log;
use signals::Signals;

fn main() -> ExitCode {
    let config = match Config::from_user() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let done = match &config.options.command {
        Some(Command::Health { path }) => return health::check(config.options.admin_address(), path),
        Some(Command::CheckConfig) => check(&config),
        None => {
            let log = logging::start(&config.options.log);
            run(&config, &log)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            config::complain(&error.to_string());
            ExitCode::from(config::MISTAKE)
        }
    }
}

/// Says what a node would run with, if it would run.
fn check(config: &Config) -> Result<(), Box<dyn Error>> {
    adapter::builder(config)?;
    build(config, &Registry::new(), None)?;
    let options = &config.options;
    for (option, address) in [("listen", Some(&*options.listen)), ("admin_listen", options.admin_address())] {
        let Some(address) = address else { continue };
        address.to_socket_addrs().map_err(|error| format!("{}: {address}: {error}", config.name_of(option)))?;
    }
    // Nobody may want to see it.
    let _ = std::io::stdout().write_all(config.show().as_bytes());
    Ok(())
}

fn run(config: &Config, log: &Log) -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = config.options.workers {
        runtime.worker_threads(workers.into());
    }
    let runtime = runtime.enable_all().build()?;
    runtime.spawn(log.report());
    let served = runtime.block_on(serve(config));
    // A handler that does not end does not keep the program from ending.
    runtime.shutdown_background();
    served
}

async fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    let options = &config.options;
    let registry = Registry::new();
    metrics::register(&registry);
    let adapter = adapter::connect(config, &registry).await?;
    let readiness = Readiness::new(adapter.clone());
    let io = build(config, &registry, adapter)?;
    options.app.install(&io);
    let cannot_bind = |option: &str, address: &str, error| format!("{}: {address}: {error}", config.name_of(option));
    let listener =
        Listener::bind(&options.listen).await.map_err(|error| cannot_bind("listen", &options.listen, error))?;
    let listener = listener.max_connections(options.max_connections as usize).registry(&registry);
    let admin = match options.admin_address() {
        Some(address) => Some(Admin::bind(address).await.map_err(|error| cannot_bind("admin_listen", address, error))?),
        None => None,
    };
    let mut signals = Signals::listen()?;
    let address = listener.local_addr()?;
    let handle = listener.handle();
    tracing::info!(%address, path = io.engine().path(), app = %options.app, node = %io.engine().node_id(), "listening");
    let mut greeting = format!("fanfare listens on http://{address}{}", page::hint(options.app));
    if let Some(admin) = admin {
        tracing::info!(admin = %admin.address(), "metrics and health");
        greeting += &format!("\nmetrics and health on http://{}", admin.address());
        tokio::spawn(admin.serve(registry, readiness.clone()));
    }
    announce(greeting);
    let service = io.layer().layer(page::router(options.app, io.engine().path()));
    let mut serving = tokio::spawn(listener.serve(service));
    tokio::select! {
        served = &mut serving => return Ok(served??),
        () = signals.next() => {}
    }
    readiness.drain();
    tracing::info!(clients = io.engine().clients_count(), time = ?options.drain_time, "draining");
    let ending = async {
        // Clients that have not been sent away yet are served until then.
        io.drain(options.drain_time).await;
        tracing::info!("closing");
        // Until everybody has been told of the end, those who are being told can still connect.
        io.close().await;
        handle.shutdown();
        serving.await
    };
    tokio::select! {
        served = ending => served??,
        () = signals.next() => tracing::warn!("ending at once"),
    }
    Ok(())
}

/// Tells the user where the node listens, in a thread of its own: nobody has to read it.
fn announce(line: String) {
    thread::spawn(move || {
        // Standard output may be closed.
        let _ = writeln!(std::io::stdout(), "{line}");
    });
}

fn build(config: &Config, registry: &Registry, adapter: Option<RedisAdapter>) -> Result<Server, String> {
    let options = &config.options;
    let mut builder = Server::builder()
        .path(&options.path)
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .upgrade_timeout(options.upgrade_timeout)
        .connect_timeout(options.connect_timeout)
        .max_http_buffer_size(options.max_payload)
        .engine(|engine| {
            let engine = engine
                .write_timeout(options.write_timeout)
                .max_sessions_per_address(options.max_connections_per_address)
                .trusted_proxies(options.trusted_proxy.iter().copied())
                .registry(registry.clone());
            options.node_id.into_iter().fold(engine, |engine, node| engine.node_id(node))
        });
    if let Some(adapter) = adapter {
        builder = builder.adapter(adapter);
    }
    match client::bundle() {
        Some(bundle) => builder = builder.client_bundle(bundle),
        None => tracing::warn!("built without the JavaScript client: npm had not installed it"),
    }
    let built = options.app.configure(allow_origins(builder, &options.cors_origin)).build();
    built
        .map_err(|error| format!("{}: {} is not allowed; {}", config.name_of(error.option), error.value, error.allowed))
}

fn allow_origins(builder: ServerBuilder, origins: &[String]) -> ServerBuilder {
    if origins.iter().any(|origin| origin == "*") {
        builder.cors(Cors::any())
    } else if origins.is_empty() {
        builder
    } else {
        builder.cors(Cors::origins(origins).credentials(true))
    }
}
