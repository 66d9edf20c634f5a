//! `cargo xtask torture`: thousands of interruptions, faults and damaged files, and checks of the results.
//!
//! Each campaign is one file. Four of them interrupt, starve or damage a small reproduction and demand that the same
//! command, given again, ends with the results of a run that nothing happened to; one reads damaged files of every format.
//! All random choices come from `--seed`; only the moments of signals depend on the machine too.

pub mod budget;
mod damage;
mod faults;
mod full_disk;
pub mod hostile;
mod kills;
mod subject;
mod tally;

use crate::run::execute::say;
use crate::terminal::print;
use anyhow::{Context as _, Result, bail};
use budget::Budget;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tally::Tally;

/// Test a small reproduction under interruptions, full disks and damaged files, and check the results
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true, after_help = after_help())]
pub struct TortureCommand {
    /// Set how long all campaigns may take together
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = minutes)]
    minutes: f64,
    /// Set the seed of all random choices
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Set the maximum number of cases of a campaign (of each format, for hostile) [default: as time allows]
    #[arg(long, value_name = "N")]
    cases: Option<usize>,
    /// Select campaigns, separated by commas [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_enum)]
    only: Vec<Name>,
    /// Write the summary and the failed cases to this folder
    #[arg(long, value_name = "DIR", default_value = "out/torture")]
    out: PathBuf,
    /// Read damaged files of this format: what the hostile campaign starts this program with
    #[arg(long, hide = true, requires = "from")]
    read: Option<String>,
    /// The first case that is read
    #[arg(long, hide = true)]
    from: Option<usize>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if minutes > 0.0 && minutes <= 10_000.0 => Ok(minutes),
        _ => Err("expected a positive number of minutes, such as 5".to_owned()),
    }
}

fn after_help() -> String {
    let lines = CAMPAIGNS.iter().map(|campaign| format!("  {:9} {}\n", campaign.name.word(), campaign.about));
    format!("Campaigns:\n{}", lines.collect::<String>())
}

/// Which campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// System calls that fail
    Faults,
    /// Disks that are full
    FullDisk,
    /// Signals
    Kills,
    /// Files damaged between two calls
    Damage,
    /// Damaged files of every format
    Hostile,
}

impl Name {
    fn word(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What a campaign has to work with.
pub(crate) struct Setting {
    /// This program.
    pub(crate) program: PathBuf,
    /// Of all random choices.
    pub(crate) seed: u64,
    /// A folder that is removed in the end.
    pub(crate) work: PathBuf,
    /// Where a campaign puts what failed.
    pub(crate) failing: PathBuf,
}

struct Campaign {
    name: Name,
    about: &'static str,
    /// Its share of the time, beside those of the others.
    share: f64,
    run: fn(&Setting, &Budget, &mut Tally) -> Result<()>,
}

/// In the order in which they run. What one leaves of its time goes to those after it; the last one can use any amount.
const CAMPAIGNS: [Campaign; 5] = [
    Campaign {
        name: Name::FullDisk,
        about: "the output folder is on a disk that is too small, at many sizes, and then has enough space",
        share: 1.0,
        run: full_disk::run,
    },
    Campaign {
        name: Name::Faults,
        about: "the n-th write, rename, flush, open, … fails or triggers a SIGKILL (needs strace)",
        share: 6.0,
        run: faults::run,
    },
    Campaign {
        name: Name::Kills,
        about: "SIGINT, SIGTERM, SIGHUP, SIGKILL, SIGQUIT and others at random moments, until the reproduction is finished",
        share: 3.0,
        run: kills::run,
    },
    Campaign {
        name: Name::Damage,
        about: "files of the output folder are cut off, changed, exchanged or replaced between two calls",
        share: 3.0,
        run: damage::run,
    },
    Campaign {
        name: Name::Hostile,
        about: "files of every format that is read, with their structure damaged, under a memory limit",
        share: 3.0,
        run: hostile::run,
    },
];

/// Runs the command.
///
/// # Errors
/// Campaigns that cannot be carried out at all. Failures that they find are the exit code.
pub fn run(command: &TortureCommand) -> Result<ExitCode> {
    if let (Some(format), Some(from)) = (&command.read, command.from) {
        return hostile::read_cases(format, command.seed, from);
    }
    std::fs::create_dir_all(&command.out)
        .with_context(|| format!("{}: cannot be made", command.out.display()))?;
    let out = command.out.canonicalize().with_context(|| command.out.display().to_string())?;
    let work = tempfile::Builder::new().prefix("work-").tempdir_in(&out);
    let work = work.with_context(|| format!("{}: cannot be written to", out.display()))?;
    let program = std::env::current_exe().context("this program cannot be found")?;
    let end = Instant::now() + Duration::from_secs_f64(60.0 * command.minutes);
    let chosen: Vec<&Campaign> =
        CAMPAIGNS.iter().filter(|c| command.only.is_empty() || command.only.contains(&c.name)).collect();
    let mut tallies = Vec::new();
    for (i, campaign) in chosen.iter().enumerate() {
        let name = campaign.name.word();
        let shares: f64 = chosen[i..].iter().map(|campaign| campaign.share).sum();
        let time = end.saturating_duration_since(Instant::now()).mul_f64(campaign.share / shares);
        say(&format!("{name}: {} (about {:.0} s)", campaign.about, time.as_secs_f64()));
        let work = work.path().join(&name);
        std::fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        let setting = Setting {
            program: program.clone(),
            seed: command.seed,
            work,
            failing: out.join("failing").join(&name),
        };
        let mut tally = Tally::new(name);
        (campaign.run)(&setting, &Budget::new(time, command.cases), &mut tally)?;
        tally.end();
        tallies.push(tally);
    }
    let summary = json!({
        "seed": command.seed,
        "minutes": command.minutes,
        "campaigns": tallies.iter().map(Tally::as_json).collect::<Vec<_>>(),
    });
    let path = out.join("summary.json");
    let bytes = serde_json::to_vec_pretty(&summary).context("the summary as JSON")?;
    crate::report::write_atomically(&path, &bytes)?;
    let mut lines =
        vec![format!("{:9}  {:>9}  {:>8}  {:>7}  notes", "campaign", "cases", "failures", "seconds")];
    lines.extend(tallies.iter().map(Tally::line));
    for line in lines {
        if print(&line)?.is_break() {
            break;
        }
    }
    say(&format!("{} written", path.display()));
    if tallies.iter().all(|tally| tally.cases == 0) {
        bail!("no case of any campaign was carried out");
    }
    Ok(if tallies.iter().all(|tally| tally.failures.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Keeps the folder of a case that failed, and removes that of another.
pub(crate) fn keep_or_remove(setting: &Setting, case: &Path, has_failed: bool) -> Result<()> {
    if has_failed {
        std::fs::create_dir_all(&setting.failing)?;
        let kept = setting.failing.join(case.file_name().unwrap_or_default());
        let _ = std::fs::remove_dir_all(&kept);
        std::fs::rename(case, &kept).with_context(|| format!("{} cannot be kept", case.display()))
    } else {
        std::fs::remove_dir_all(case).with_context(|| format!("{} cannot be removed", case.display()))
    }
}
