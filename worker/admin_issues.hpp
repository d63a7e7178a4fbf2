/*
 * The commands about issues: what they are, what people do to them, and what a project
 * may make.
 */

#ifndef ERRTRACK_WORKER_ADMIN_ISSUES_HPP
#define ERRTRACK_WORKER_ADMIN_ISSUES_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void list_issues(const Options &options);
void show_issue(const Options &options);
void show_issue_history(const Options &options);
void list_issue_hashes(const Options &options);
/* Those that may be the same error. */
void list_similar_issues(const Options &options);

void resolve_issue(const Options &options);
void ignore_issue(const Options &options);
void reopen_issue(const Options &options);

void merge_issues(const Options &options);
void unmerge_issue(const Options &options);
/* Begins, and shows how far it is until it is done. Ended early, a worker goes on. */
void split_issue(const Options &options);

void list_limits(const Options &options);
void set_limit(const Options &options);

}

#endif
