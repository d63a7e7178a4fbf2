#include "worker/gitlab.hpp"

#include "worker/secret_file.hpp"

#include <curl/curl.h>
#include <jansson.h>

#include <optional>

namespace errtrack {
namespace {

/* The answer has twenty bytes; what is longer is a page of something else. */
constexpr std::size_t most_answer = 16 * 1024;

constexpr long connect_seconds = 3;
constexpr long seconds = 10;

struct FreeList {
    void operator()(curl_slist *list) const noexcept { curl_slist_free_all(list); }
};

struct FreeJson {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};

std::size_t on_bytes(char *bytes, std::size_t size, std::size_t count, void *data) noexcept
{
    auto &answer = *static_cast<std::string *>(data);
    std::size_t room = most_answer - answer.size();
    if (size * count > room) {
        return 0;                       // ends the transfer
    }
    answer.append(bytes, size * count);
    return size * count;
}

int on_progress(void *data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept
{
    return static_cast<const std::stop_token *>(data)->stop_requested() ? 1 : 0;
}

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

struct Gitlab::Handle {
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), &curl_easy_cleanup};
};

Gitlab::Gitlab(const GitlabSettings &settings) : settings_(settings)
{
    std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
    char *part = nullptr;
    auto has = [&](CURLUPart which) {
        bool there = curl_url_get(url.get(), which, &part, 0) == CURLUE_OK;
        curl_free(there ? part : nullptr);
        return there;
    };
    bool web = settings.url.starts_with("http://") || settings.url.starts_with("https://");
    if (!web || curl_url_set(url.get(), CURLUPART_URL, settings.url.c_str(), 0) != CURLUE_OK
        || has(CURLUPART_USER) || has(CURLUPART_QUERY) || has(CURLUPART_FRAGMENT))
    {
        throw GitlabSettingsError("the address of GitLab is like https://gitlab.example.com");
    }
    if (settings.token_file.empty()) {
        throw GitlabSettingsError("name the file that holds its access token with --gitlab-token-file");
    }
    if (read_secret(settings.token_file).empty()) {
        throw GitlabSettingsError("cannot read a token from " + settings.token_file);
    }
    handle_ = std::make_unique<Handle>();
}

Gitlab::~Gitlab() = default;

bool Gitlab::allows(std::int64_t project, const std::string &public_key, const std::stop_token &stop)
{
    CURL *curl = handle_->curl.get();
    curl_easy_reset(curl);              // the connection stays
    std::string url = settings_.url;
    url.erase(url.find_last_not_of('/') + 1);
    url += "/api/v4/internal/error_tracking/allowed";
    std::string token = "Gitlab-Error-Tracking-Token: " + read_secret(settings_.token_file);
    std::unique_ptr<curl_slist, FreeList> headers(curl_slist_append(nullptr, token.c_str()));
    // A public key has no byte that a form would escape.
    std::string form = "project_id=" + std::to_string(project) + "&public_key=" + public_key;
    std::string answer;
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form.c_str());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "errtrack-worker");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_seconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        throw GitlabError(why[0] != '\0' ? why : curl_easy_strerror(code));
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (std::optional<bool> enabled = enabled_in(status, answer)) {
        return *enabled;
    }
    throw GitlabError(what_to_do(status), true);
}

}
