//! What became of every setting.

use serde::Serialize;

/// How well a setting was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grade {
    /// It means the same as before.
    Exact,
    /// It works, but not quite as before.
    Approximate,
    /// Somebody has to do something.
    Manual,
    /// There is nothing like it.
    Unsupported,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) file: String,
    /// Its path in the file.
    pub(crate) setting: String,
    pub(crate) grade: Grade,
    /// What became of it, or what is to be done.
    pub(crate) became: String,
}

/// All of them, in the order of the files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(super) file: String,
    pub(crate) findings: Vec<Finding>,
}

impl Grade {
    pub(crate) const ALL: [Grade; 4] = [Grade::Exact, Grade::Approximate, Grade::Manual, Grade::Unsupported];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Grade::Exact => "exact",
            Grade::Approximate => "approximate",
            Grade::Manual => "manual",
            Grade::Unsupported => "unsupported",
        }
    }
}

impl Report {
    pub(super) fn say(&mut self, grade: Grade, setting: impl Into<String>, became: impl Into<String>) {
        let (file, setting, became) = (self.file.clone(), setting.into(), became.into());
        self.findings.push(Finding { file, setting, grade, became });
    }

    pub(super) fn exact(&mut self, setting: impl Into<String>, became: impl Into<String>) {
        self.say(Grade::Exact, setting, became);
    }

    pub(super) fn approximate(&mut self, setting: impl Into<String>, became: impl Into<String>) {
        self.say(Grade::Approximate, setting, became);
    }

    pub(super) fn manual(&mut self, setting: impl Into<String>, became: impl Into<String>) {
        self.say(Grade::Manual, setting, became);
    }

    pub(super) fn unsupported(&mut self, setting: impl Into<String>, became: impl Into<String>) {
        self.say(Grade::Unsupported, setting, became);
    }

    /// How many of each grade.
    pub(crate) fn count(&self, grade: Grade) -> usize {
        self.findings.iter().filter(|finding| finding.grade == grade).count()
    }
}
