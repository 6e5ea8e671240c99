//! The part of the page on the worth of questions.

use std::fmt::Write;

use super::{Section, escape, few, figure, figures, tables};
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
            "<p>New users are asked about items, one after another. The figures are for the best \
             20 items of the whole catalogue, without those that were answered, and for the error \
             on held-out interactions. Each user counts by the mean over the draws. Differences \
             are to asking about the items with the most raters first, with their standard error \
             over users.</p>\n",
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
            let lists = [
                figure("nDCG@20 by number of questions", &figures::interview_lists(result)?),
                figure(
                    "nDCG@20 of the others minus that of asking about the most popular items \
                     (the line at 0); the band is two standard errors to either side",
                    &figures::interview_list_differences(result)?,
                ),
            ]
            .concat();
            let _ = writeln!(
                body,
                "<h3>{title}</h3>\n<p class=\"quiet\">{} users, {} draws.{}</p>\n<div \
                 class=\"figures\">\n{lists}</div>\n{}",
                result.users,
                result.draws,
                few(result.few_users),
                tables::interview_lists(result),
            );
            if result.rows.iter().all(|row| row.error.is_none()) {
                continue;
            }
            let errors = [
                figure(
                    "Mean absolute error by number of questions",
                    &figures::interview_errors(result)?,
                ),
                figure(
                    "Errors of the others minus that of asking about the most popular items (the \
                     line at 0)",
                    &figures::interview_error_differences(result)?,
                ),
            ]
            .concat();
            let _ = writeln!(
                body,
                "<div class=\"figures\">\n{errors}</div>\n{}",
                tables::interview_errors(result)
            );
        }
        Ok(Section { title: "The worth of questions".into(), body })
    }
}
