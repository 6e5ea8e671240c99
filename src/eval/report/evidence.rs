//! The part of the page on the worth of questions.

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
            "<p>New users are asked about items, one after another. What is measured are the best \
             20 of the whole catalogue less what they answered on, and the error on what is held \
             out of their interactions. Each user counts by the mean over the draws. Differences \
             are to who asks about the items with the most raters first, with their standard \
             error over the users.</p>\n",
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
                    "How much more the others' lists are worth than those of who asks about the \
                     most popular (the line at 0); the band is two standard errors to either side",
                    &figures::interview_list_differences(result)?,
                ),
            ]
            .concat();
            let _ = writeln!(
                body,
                "<h3>{title}</h3>\n<p class=\"quiet\">{} users, {} draws.</p>\n<div \
                 class=\"figures\">\n{lists}</div>\n{}",
                result.users,
                result.draws,
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
                    "How much more the others err than who asks about the most popular (the line \
                     at 0)",
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
        Ok(Section { title: "What questions are worth".into(), body })
    }
}
