//! The command line: data on stdout, everything else on stderr; exit 0 done, 1 failed, 2 wrong usage.

mod add;
mod adopt;
mod annotations;
mod application;
mod catalog_text;
mod clean;
mod context;
mod demo;
mod doctor;
mod duplicates;
mod edit;
mod env;
mod evict;
mod init;
mod inventory;
mod key;
mod lock;
mod merge_rule;
mod migrate;
mod origins;
mod outdated;
mod plan;
mod precious;
mod progress;
mod prune;
mod remark;
mod removal;
mod remove;
mod report;
mod restore;
mod run;
mod search;
mod stand_in;
mod status;
mod verify;
mod warm;
mod workspace;
mod wrap;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use context::{Context, Verdict};

use crate::config::Variants;

/// Verified ML models for Rust tests, from one shared cache.
#[derive(Debug, Parser)]
#[command(name = "cache-harness", version, max_term_width = 80)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The catalog to use, instead of the nearest cache-harness.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The variant to take of each model that has it, such as `mini`; or `NAME=mini,OTHER=full`, `full` being the model itself
    #[arg(long, global = true, value_name = "VARIANT")]
    variant: Option<Variants>,
    /// Open no connection
    #[arg(long, global = true)]
    offline: bool,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Say only what was asked for, and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
}

/// When to use colour. Colour never carries a meaning alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project ready: catalog, folders, .gitignore, test runner
    Init(init::Init),
    /// Put models in place, as an annotated test does
    Restore(restore::Restore),
    /// Fetch models ahead, in parallel
    Warm(warm::Warm),
    /// Show what the cache holds
    Status(status::Status),
    /// Hash everything and compare with the pins
    Verify(verify::Verify),
    /// Tell what a run's cache was worth
    Report(report::Report),
    /// Run a command with the providers' variables set, warm beside it, then report
    Run(run::Run),
    /// Print the providers' variables
    Env(env::Env),
    /// Remove models, or the project's other caches
    Clean(clean::Clean),
    /// Evict what the retention policy does not let stay
    Prune(prune::Prune),
    /// Prune, and remove leftovers and partials
    Optimize(prune::Optimize),
    /// Evict named models
    Evict(evict::Evict),
    /// Take models that are on this disk already into the cache
    Adopt(adopt::Adopt),
    /// Move an old folder of models into the cache
    Migrate(migrate::Migrate),
    /// Declare a model in the catalog and pin it
    Add(add::Add),
    /// Take a model out of the catalog and the lock file
    Remove(remove::Remove),
    /// Pin the models of the catalog, or check the pins
    Lock(lock::Lock),
    /// Look for a well-known model in the built-in catalogue
    Search(search::Search),
    /// Print the key under which CI keeps the models, derived from their pins
    Key(key::Key),
    /// Show what would be fetched; exit 1 if it cannot fit
    Plan(plan::Plan),
    /// Show what upstream has moved since models of the Hub were pinned
    Outdated(outdated::Outdated),
    /// Look for what will go wrong, and say how to mend it
    Doctor(doctor::Doctor),
    /// Show the same tests with and without the cache
    Demo(demo::Demo),
    #[command(hide = true, subcommand)]
    DemoTest(demo::DemoTest),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, the rest is wrong usage; a closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let context = Context::new(arguments.global);
    let done = match &arguments.command {
        Command::Init(command) => command.run(&context),
        Command::Restore(command) => command.run(&context),
        Command::Warm(command) => command.run(&context),
        Command::Status(command) => command.run(&context),
        Command::Verify(command) => command.run(&context),
        Command::Report(command) => command.run(&context),
        Command::Run(command) => command.run(&context),
        Command::Env(command) => command.run(&context),
        Command::Clean(command) => command.run(&context),
        Command::Prune(command) => command.run(&context),
        Command::Optimize(command) => command.run(&context),
        Command::Evict(command) => command.run(&context),
        Command::Adopt(command) => command.run(&context),
        Command::Migrate(command) => command.run(&context),
        Command::Add(command) => command.run(&context),
        Command::Remove(command) => command.run(&context),
        Command::Lock(command) => command.run(&context),
        Command::Search(command) => command.run(&context),
        Command::Key(command) => command.run(&context),
        Command::Plan(command) => command.run(&context),
        Command::Outdated(command) => command.run(&context),
        Command::Doctor(command) => command.run(&context),
        Command::Demo(command) => command.run(&context),
        Command::DemoTest(command) => command.run().map(|()| Verdict::Holds),
    };
    match done {
        Ok(Verdict::Holds) => ExitCode::SUCCESS,
        Ok(Verdict::Fails) => ExitCode::FAILURE,
        Ok(Verdict::Code(code)) => ExitCode::from(code),
        Err(error) => {
            context.error(&error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}
