//! The `fanfare` binary: one Socket.IO node.

mod app;
mod cli;
mod client;
mod health;
mod logging;
mod page;
mod signals;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::thread;

use fanfare::{Cors, Listener, Server};
use tower_layer::Layer as _;

use cli::Options;
use logging::Log;
use signals::Signals;

fn main() -> ExitCode {
    if let Some(code) = health::asked() {
        return code;
    }
    let options = match Options::from_command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    let log = logging::start(&options.log);
    match run(&options, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error.to_string());
            ExitCode::from(cli::MISTAKE)
        }
    }
}

fn run(options: &Options, log: &Log) -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers.into());
    }
    let runtime = runtime.enable_all().build()?;
    runtime.spawn(log.report());
    let served = runtime.block_on(serve(options));
    // A handler that does not end does not keep the program from ending.
    runtime.shutdown_background();
    served
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let io = build(options)?;
    options.app.install(&io);
    let listener =
        Listener::bind(&options.listen).await.map_err(|error| format!("--listen {}: {error}", options.listen))?;
    let mut signals = Signals::listen()?;
    let address = listener.local_addr()?;
    let handle = listener.handle();
    tracing::info!(%address, path = io.engine().path(), app = %options.app, "listening");
    announce(format!("fanfare listens on http://{address}{}", page::hint(options.app)));
    let service = io.layer().layer(page::router(options.app));
    let mut serving = tokio::spawn(listener.registry(io.registry()).serve(service));
    tokio::select! {
        served = &mut serving => return Ok(served??),
        () = signals.next() => {}
    }
    tracing::info!("closing");
    handle.shutdown();
    let closing = async {
        io.close().await;
        serving.await
    };
    tokio::select! {
        served = closing => served??,
        () = signals.next() => tracing::warn!("closing at once"),
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

fn build(options: &Options) -> Result<Server, Box<dyn Error>> {
    let mut builder = Server::builder()
        .path(&options.path)
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .upgrade_timeout(options.upgrade_timeout)
        .connect_timeout(options.connect_timeout)
        .max_http_buffer_size(options.max_payload)
        .engine(|engine| engine.write_timeout(options.write_timeout));
    if options.cors_origin.iter().any(|origin| origin == "*") {
        builder = builder.cors(Cors::any());
    } else if !options.cors_origin.is_empty() {
        builder = builder.cors(Cors::origins(&options.cors_origin).credentials(true));
    }
    match client::bundle() {
        Some(bundle) => builder = builder.client_bundle(bundle),
        None => tracing::warn!("built without the JavaScript client: npm had not installed it"),
    }
    let built = options.app.configure(builder).build();
    built.map_err(|error| {
        format!("{}: {} is not allowed; {}", cli::name_of(error.option), error.value, error.allowed).into()
    })
}
