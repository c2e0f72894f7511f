//! The program: configuration, logs, database, rooms, then serving until told to stop.

use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use transfer4me::router;
use transfer4me::server::config::Config;
use transfer4me::server::connections::limits::Limits;
use transfer4me::server::error_chain::ErrorChain;
use transfer4me::server::{self, AppState, Tuning, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::from_process() {
        Ok(config) => config,
        Err(refusal) => return refusal.report(),
    };
    telemetry::start(&config.log);
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %ErrorChain(&*error), "cannot go on");
            ExitCode::FAILURE
        }
    }
}

// A boxed error is fine here: nobody matches on it, it is printed and the program ends.
async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything can fail that a signal should end.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let tuning = Tuning { connections: Limits::of_this_process(), ..Tuning::default() };
    let state = AppState::start(config, address, tuning).await?;
    let routes = router::routes(state.clone());
    tracing::info!(public_url = state.origins.shown(), "listening on http://{address}");
    server::serve(listener, routes, state, async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await;
    tracing::info!("stopped");
    Ok(())
}
