#include "worker/gitlab.hpp"

#include "worker/secret_file.hpp"

#include <jansson.h>

#include <memory>
#include <optional>

namespace errtrack {
namespace {

/* The answer has twenty bytes; what is longer is a page of something else. */
constexpr std::size_t most_answer = 16 * 1024;

/* It may think for as long as a question may take. */
constexpr WebBounds bounds = {std::chrono::seconds(3), std::chrono::seconds(10), std::chrono::seconds(10)};

struct FreeJson {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};

/* Nothing when it does not say. A project that GitLab does not know is a 404 with a
 * message; without one it is the address that nobody knows. */
std::optional<bool> enabled_in(long status, const std::string &answer)
{
    std::unique_ptr<json_t, FreeJson> json(json_loadb(answer.data(), answer.size(), 0, nullptr));
    if (status == 404 && json_is_string(json_object_get(json.get(), "message"))) {
        return false;
    }
    const json_t *enabled = json_object_get(json.get(), "enabled");
    return status == 200 && json_is_boolean(enabled) ? std::optional(json_is_true(enabled)) : std::nullopt;
}

std::string what_to_do(long status)
{
    std::string text = "it answers " + std::to_string(status);
    switch (status) {
    case 401:
        return text + ": the token is not its error tracking access token";
    case 404:
        return text + ": its error tracking API is not at this address";
    case 301:
    case 302:
    case 307:
    case 308:
        return text + ": name the address that it redirects to";
    case 200:
        return text + ", but does not say whether the key is enabled";
    default:
        return text;
    }
}

}

Gitlab::Gitlab(const GitlabSettings &settings, const WebClientSettings &web) : settings_(settings), client_(web)
{
    if (std::string fault = url_fault(settings.url); !fault.empty()) {
        throw GitlabSettingsError("the address of GitLab is like https://gitlab.example.com: " + fault);
    }
    if (settings.url.find_first_of("?#") != settings.url.npos) {
        throw GitlabSettingsError("the address of GitLab is like https://gitlab.example.com: it ends before a ? or #");
    }
    if (settings.token_file.empty()) {
        throw GitlabSettingsError("name the file that holds its access token with --gitlab-token-file");
    }
    if (read_secret(settings.token_file).empty()) {
        throw GitlabSettingsError("cannot read a token from " + settings.token_file);
    }
}

bool Gitlab::allows(std::int64_t project, const std::string &public_key, const std::stop_token &stop)
{
    WebRequest request;
    request.method = WebRequest::Method::post;
    request.url = settings_.url;
    request.url.erase(request.url.find_last_not_of('/') + 1);
    request.url += "/api/v4/internal/error_tracking/allowed";
    request.headers = {"Gitlab-Error-Tracking-Token: " + read_secret(settings_.token_file)};
    // A public key has no byte that a form would escape.
    request.body = "project_id=" + std::to_string(project) + "&public_key=" + public_key;
    request.bounds = bounds;
    request.most_answer = most_answer;
    request.excess = WebRequest::Excess::refuse;
    request.guarded = false;            // the operator named it
    WebAnswer answer;
    try {
        answer = client_.send(request, stop);
    } catch (const WebError &e) {
        throw GitlabError(e.what());
    }
    if (std::optional<bool> enabled = enabled_in(answer.status, answer.body)) {
        return *enabled;
    }
    throw GitlabError(what_to_do(answer.status), true);
}

}
