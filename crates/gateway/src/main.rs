//! The `fanfare` binary: one Socket.IO node.

mod app;
mod cli;
mod client;
mod logging;
mod page;
mod signals;

use std::pin::pin;
use std::process::ExitCode;

use clap::Parser as _;
use fanfare::{Cors, Listener, Server};
use tower_layer::Layer as _;

use cli::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    let _flush = logging::start(&options.log);
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanfare: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers.get());
    }
    runtime.enable_all().build()?.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let io = build(&options)?;
    options.app.install(&io);
    let listener =
        Listener::bind(&options.listen).await.map_err(|error| format!("--listen {}: {error}", options.listen))?;
    let address = listener.local_addr()?;
    let handle = listener.handle();
    tracing::info!(%address, path = io.engine().path(), app = %options.app, "listening");
    println!("fanfare listens on http://{address}{}", page::hint(options.app));
    let service = io.layer().layer(page::router(options.app));
    let mut serving = pin!(listener.registry(io.registry()).serve(service));
    tokio::select! {
        served = &mut serving => return Ok(served?),
        () = signals::wait() => tracing::info!("closing"),
    }
    let closing = async {
        io.close().await;
        handle.shutdown();
    };
    // Until everybody has been told of the end, those who are being told can still connect.
    tokio::select! {
        (served, ()) = async { tokio::join!(serving, closing) } => served?,
        () = signals::wait() => tracing::warn!("closing at once"),
    }
    Ok(())
}

fn build(options: &Options) -> Result<Server, fanfare::ConfigError> {
    let mut builder = Server::builder()
        .path(&options.path)
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .upgrade_timeout(options.upgrade_timeout)
        .connect_timeout(options.connect_timeout)
        .max_http_buffer_size(options.max_payload);
    if options.cors_origin.iter().any(|origin| origin == "*") {
        builder = builder.cors(Cors::any());
    } else if !options.cors_origin.is_empty() {
        builder = builder.cors(Cors::origins(&options.cors_origin).credentials(true));
    }
    match client::bundle() {
        Some(bundle) => builder = builder.client_bundle(bundle),
        None => tracing::warn!("built without the JavaScript client: npm had not installed it"),
    }
    options.app.configure(builder).build()
}
