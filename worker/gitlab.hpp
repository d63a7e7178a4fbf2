/*
 * GitLab, asked whether a client key is one of its own. Owned by one thread.
 */

#ifndef ERRTRACK_WORKER_GITLAB_HPP
#define ERRTRACK_WORKER_GITLAB_HPP

#include "worker/web_client.hpp"

#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace errtrack {

struct GitlabSettings {
    std::string url;                /* scheme, host and path in front of /api; empty: none */
    std::string token_file;         /* holds its error tracking access token */
};

/* It gave no answer to the question: it is away, or refuses to be asked. */
class GitlabError : public std::runtime_error {
public:
    explicit GitlabError(const std::string &what, bool answers = false) : std::runtime_error(what), is_there(answers) {}

    const bool is_there;            /* it answers, if not this question: perhaps others */
};

/* The settings cannot work: trying again does not help. */
class GitlabSettingsError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Gitlab {
public:
    /* Does not connect yet. Throws GitlabSettingsError. */
    Gitlab(const GitlabSettings &settings, const WebClientSettings &web);

    /* Whether the key is an active one of the project and tracking is on there (POST
     * /api/v4/internal/error_tracking/allowed). Takes ten seconds at most, and ends sooner
     * when told to stop. The token is read anew each time: it may have been replaced. Throws
     * GitlabError. */
    bool allows(std::int64_t project, const std::string &public_key, const std::stop_token &stop);

private:
    const GitlabSettings settings_;
    WebClient client_;
};

}

#endif
