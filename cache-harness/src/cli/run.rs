//! `run -- CMD…`: the command with the providers' variables and a run of its own, warmed beside, then the report.

use std::ffi::OsString;
use std::process::{Command, ExitStatus};

use super::{Context, Verdict, env, warm, workspace};
use crate::error::{Error, Result};
use crate::report::Runs;
use crate::{environment, time};

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// Do not warm models beside the command
    #[arg(long)]
    no_warm: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Run {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let given = context.environment.text(environment::RUN).map(ToOwned::to_owned);
        let id = given.unwrap_or_else(|| format!("run-{}-{}", time::unix_seconds(time::now()), std::process::id()));
        let cache = context.cache_for_run(&id)?;
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| Error::Setting { name: "run".to_owned(), message: "a command is expected".to_owned() })?;
        let variables = env::variables(&cache, context)?;
        let mut command = Command::new(program);
        command.args(arguments).envs(variables).env(environment::RUN, &id);
        if let Some(project) = &cache.config().project {
            command.env(environment::CONFIG, project);
        }
        let mut child = command.spawn().map_err(Error::io("start", program))?;
        if !self.no_warm {
            let cache = cache.clone();
            // What is not warm when the command ends is not waited for: the next one who fills a partial takes over.
            std::thread::spawn(move || {
                let names = match warm::tests(&cache) {
                    Ok(names) if !names.is_empty() => names,
                    _ => workspace::all_chosen(&cache),
                };
                drop(crate::warm::warm(&cache, &names, 4));
            });
        }
        let status = child.wait().map_err(Error::io("wait for", program))?;
        // A survey that fails is no reason to hide how the command ended.
        let survey = cache.inner.store.survey();
        let warnings = survey.map(|survey| cache.inner.warnings_of_room(&survey)).unwrap_or_default();
        for warning in &warnings {
            cache.inner.note(warning);
        }
        if let Some(run) = Runs::new(&cache.config().state_dir).by_id(&id) {
            let mut report = run.report()?;
            if report.requests > 0 || context.is_verbose() {
                if context.wants_json() {
                    context.out(&report.json().to_string())?;
                } else {
                    // What is said last is not said twice.
                    report.warnings.retain(|warning| !warnings.contains(warning));
                    context.show(report.text().to_string().trim_end());
                }
            }
        }
        for warning in &warnings {
            context.say(&format!("warning: {warning}"));
        }
        Ok(Verdict::Code(code(status)))
    }
}

/// As a shell tells it: 128 and the signal for a command that was killed.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
