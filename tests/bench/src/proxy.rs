//! The line between a client and nginx: slow for each connection, or long. The `proxy` program, as a process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::Outcome;
use crate::nginx::Nginx;
use crate::stage::{Profile, Stage};

/// What a line is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Bytes per second of each connection; 0 is no limit.
    pub(crate) rate: u32,
    /// Milliseconds each way.
    pub(crate) delay: u32,
}

/// A running proxy; it ends with this value.
#[derive(Debug)]
pub(crate) struct Proxy {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
}

/// What came through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// The most at once.
    pub(crate) connections: u64,
    /// Of the server's answers.
    pub(crate) bytes: u64,
}

impl Proxy {
    pub(crate) fn start(stage: &Stage, nginx: &Nginx, line: Line) -> Outcome<Self> {
        let mut command = stage.command(stage.program(Profile::Release, "proxy")?);
        command.args([nginx.port.to_string(), line.rate.to_string(), line.delay.to_string()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        let (Some(questions), Some(answers)) = (questions, answers) else { return Err("proxy: no pipes".into()) };
        let mut proxy = Self { process, questions, answers: BufReader::new(answers), endpoint: String::new() };
        proxy.endpoint = format!("http://127.0.0.1:{}", proxy.answer()?);
        Ok(proxy)
    }

    /// What came through since this was last asked.
    pub(crate) fn traffic(&mut self) -> Outcome<Traffic> {
        self.questions.write_all(b"\n")?;
        let answer = self.answer()?;
        let (connections, bytes) = answer.split_once(' ').ok_or("proxy: it told too little")?;
        Ok(Traffic { connections: connections.parse()?, bytes: bytes.parse()? })
    }

    fn answer(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
