//! [`Record`]: one request from its receipt to the end of its response, for the access log.

use http::{Request, StatusCode};

use crate::access_log::AccessLog;

/// Goes with the request, and then with its response. What is logged is how it stands when that is
/// dropped: if the response was not over then, the client has left.
pub(crate) struct Record {
    /// Nothing is kept for nobody.
    line: Option<(AccessLog, String)>,
    status: Option<StatusCode>,
    /// Why it was not retried, and then why it failed.
    flags: [Option<&'static str>; 2],
    is_over: bool,
}

impl Record {
    pub(crate) fn new<B>(request: &Request<B>, log: Option<&AccessLog>) -> Self {
        let line = log.map(|log| {
            let path = request.uri().path_and_query();
            let path = path.map_or("-", |path| path.as_str());
            (log.clone(), format!("{} {path}", request.method()))
        });
        Self {
            line,
            status: None,
            flags: [None; 2],
            is_over: false,
        }
    }

    /// There is a response.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// It was not retried, though that would have been worth it.
    pub(crate) fn not_retried(&mut self, flag: &'static str) {
        self.flags[0] = Some(flag);
    }

    /// It has failed, before its response or within.
    pub(crate) fn failed(&mut self, flag: &'static str) {
        self.flags[1] = Some(flag);
    }

    /// There is nothing left to send.
    pub(crate) fn over(&mut self) {
        self.is_over = true;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some((log, mut line)) = self.line.take() else {
            return;
        };
        if !self.is_over && self.flags[1].is_none() {
            self.failed("DC");
        }
        let status = self.status.map_or(0, |status| status.as_u16());
        line += &format!(" {status} ");
        match self.flags {
            [None, None] => line += "-",
            [Some(one), None] | [None, Some(one)] => line += one,
            [Some(one), Some(other)] => line.extend([one, ",", other]),
        }
        log.line(line);
    }
}
