//! What questions are worth, as a part of the page.

use std::fmt::Write;

use super::{Section, escape, figure, figures, tables};
use crate::Result;
use crate::eval::EvidenceEvaluation;

impl EvidenceEvaluation {
    /// Plots and a table of each world, for [`Report::sections`](super::Report).
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) if figures that are not finite
    /// are to be drawn.
    pub fn section(&self) -> Result<Section> {
        let mut body = String::from(
            "<p>New users are asked about items, one after another, and the error is measured on \
             ratings of theirs that are never asked about. Each user counts by the mean over the \
             draws. Differences are to who asks about the items with the most raters first, with \
             their standard error over the users.</p>\n",
        );
        for result in &self.worlds {
            let title = escape(result.world.title());
            if result.users == 0 {
                let _ = writeln!(
                    body,
                    "<h3>{title}</h3>\n<p class=\"quiet\">No user has enough ratings.</p>"
                );
                continue;
            }
            let errors =
                figure("Mean absolute error by number of questions", &figures::interviews(result)?);
            let differences = figure(
                "How much more the others err than who asks about the most popular (the line at \
                 0); the band is two standard errors to either side",
                &figures::interview_differences(result)?,
            );
            let _ = writeln!(
                body,
                "<h3>{title}</h3>\n<p class=\"quiet\">{} users, {} draws.</p>\n<div \
                 class=\"figures\">\n{errors}{differences}</div>\n{}",
                result.users,
                result.draws,
                tables::interviews(result),
            );
        }
        Ok(Section { title: "What questions are worth".into(), body })
    }
}
