#include "worker/web_client.hpp"

#include "worker/repair.hpp"

#include <curl/curl.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace errtrack {
namespace {

/* Of an answer, trailers and answers in between included. */
constexpr std::size_t most_headers = 64 * 1024;

/* Bytes a second; less than that is next to nothing. */
constexpr long slow = 16;

/* What a mail server says is repeated to people. */
constexpr std::size_t most_reply = 300;

/* Idle connections that are kept, of hosts that are asked often. */
constexpr long most_kept = 8;

/* Newer versions of libcurl spell it so, and the other way only for a while. */
#if LIBCURL_VERSION_NUM >= 0x080200
constexpr CURLoption rcpt_allow_fails = CURLOPT_MAIL_RCPT_ALLOWFAILS;
#else
constexpr CURLoption rcpt_allow_fails = CURLOPT_MAIL_RCPT_ALLLOWFAILS;
#endif

struct FreeList {
    void operator()(curl_slist *list) const noexcept { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

void append(List &list, const std::string &text)
{
    curl_slist *longer = curl_slist_append(list.get(), text.c_str());
    if (longer == nullptr) {
        throw std::bad_alloc();
    }
    (void) list.release();
    list.reset(longer);
}

/* An option that libcurl does not take may be the one that keeps a request from harm. */
template <class Value>
void set(CURL *curl, CURLoption option, Value value)
{
    if (CURLcode code = curl_easy_setopt(curl, option, value); code != CURLE_OK) {
        throw std::runtime_error("libcurl takes no option " + std::to_string(option) + ": " + curl_easy_strerror(code));
    }
}

std::string one_line(std::string_view text)
{
    std::string line(trim(text));
    std::replace_if(line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return line;
}

/* What the callbacks of one transfer share. */
struct Transfer {
    Transfer(const std::stop_token &token, const AddressGuard &addresses) : stop(token), guard(addresses) {}

    const std::stop_token &stop;
    const AddressGuard &guard;
    std::size_t most_body = 0;
    std::string_view upload;            /* what is not sent yet */
    std::string body;
    bool too_long = false;
    std::size_t headers = 0;
    bool headers_end = false;           /* an empty line came behind them */
    std::string reply;                  /* the last with which a mail server refused */
    const Mail *mail = nullptr;
    std::size_t asked = 0;              /* for so many of its recipients */
    bool asks = false;                  /* the last command was for one of them */
    std::size_t refused_at = 0;         /* asked, when the last of these came */
    std::vector<MailRefusal> refused;
    std::string refusal;                /* of the guard, for one address of the host */
    bool any_allowed = false;           /* address of the host */
    char why[CURL_ERROR_SIZE] = "";
};

std::size_t on_body(char *bytes, std::size_t size, std::size_t count, void *data) noexcept
{
    auto &transfer = *static_cast<Transfer *>(data);
    std::size_t length = size * count;
    std::size_t room = transfer.most_body - transfer.body.size();
    transfer.too_long = length > room;
    transfer.body.append(bytes, std::min(length, room));
    return transfer.too_long ? 0 : length;      // 0 ends the transfer
}

std::size_t on_header(char *bytes, std::size_t size, std::size_t count, void *data) noexcept
{
    auto &transfer = *static_cast<Transfer *>(data);
    std::size_t length = size * count;
    transfer.headers += length;
    std::string_view line(bytes, length);
    // Those of a 100 end, too.
    transfer.headers_end = !line.starts_with("HTTP/") && (transfer.headers_end || trim(line).empty());
    if (line.starts_with('4') || line.starts_with('5')) {
        transfer.reply = one_line(line.substr(0, most_reply));
        if (transfer.asks && transfer.asked > transfer.refused_at) {
            transfer.refused_at = transfer.asked;
            transfer.refused.push_back({transfer.mail->recipients[transfer.asked - 1], transfer.reply});
        }
    }
    return transfer.headers > most_headers ? 0 : length;
}

/* Whom a refusal is about only the command before it says. */
int on_command(CURL *, curl_infotype type, char *bytes, std::size_t size, void *data) noexcept
{
    auto &transfer = *static_cast<Transfer *>(data);
    if (type == CURLINFO_HEADER_OUT) {
        transfer.asks = std::string_view(bytes, size).starts_with("RCPT") && transfer.asked < transfer.mail->recipients.size();
        transfer.asked += transfer.asks ? 1 : 0;
    }
    return 0;
}

std::size_t on_upload(char *bytes, std::size_t size, std::size_t count, void *data) noexcept
{
    auto &transfer = *static_cast<Transfer *>(data);
    std::size_t length = transfer.upload.copy(bytes, size * count);
    transfer.upload.remove_prefix(length);
    return length;
}

int on_progress(void *data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept
{
    return static_cast<const Transfer *>(data)->stop.stop_requested() ? 1 : 0;
}

/* Called with each address before it is connected to. */
curl_socket_t on_socket(void *data, curlsocktype, curl_sockaddr *address) noexcept
{
    auto &transfer = *static_cast<Transfer *>(data);
    std::string refusal = transfer.guard.refusal(&address->addr, address->addrlen);
    if (!refusal.empty()) {
        transfer.refusal = std::move(refusal);
        return CURL_SOCKET_BAD;
    }
    transfer.any_allowed = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Host and port: what of a URL may be told. */
std::string host_of(std::string_view url)
{
    url.remove_prefix(std::min(url.find("://") + 3, url.size()));
    return std::string(url.substr(0, url.find_first_of("/?#")));
}

bool is_tls(CURLcode code)
{
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CLIENTCERT:
        return true;
    default:
        return false;
    }
}

/* Why a transfer came to nothing. */
WebError error_of(CURLcode code, const std::string &host, const Transfer &transfer, CURL *curl)
{
    using Kind = WebError::Kind;
    std::string why = transfer.why[0] != '\0' ? transfer.why : curl_easy_strerror(code);
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return {Kind::stopped, host + ": stopped waiting for it", true};
    }
    if (code == CURLE_WRITE_ERROR) {
        return {Kind::answer,
                host + (transfer.too_long ? ": its answer is" : ": the headers of its answer are") + " longer than "
                    + std::to_string(transfer.too_long ? transfer.most_body : most_headers) + " bytes",
                false};
    }
    if (is_tls(code)) {
        bool handshake = code == CURLE_SSL_CONNECT_ERROR;
        return {Kind::certificate,
                host + ": no TLS connection that can be trusted (" + why
                    + "); its certificate has to be for this name and from an authority that is trusted here",
                handshake};
    }
    switch (code) {
    case CURLE_URL_MALFORMAT:
        return {Kind::request, host + ": " + why, false};
    case CURLE_UNSUPPORTED_PROTOCOL:
        return {Kind::answer, host + ": its answer is not HTTP", true};
    case CURLE_COULDNT_RESOLVE_HOST:
        return {Kind::unresolved, host + ": no address is known for this name", true};
    case CURLE_COULDNT_CONNECT: {
        if (!transfer.refusal.empty() && !transfer.any_allowed) {
            return {Kind::not_allowed, host + ": " + transfer.refusal, false};
        }
        long number = 0;
        curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
        return {Kind::unreachable,
                host + ": cannot connect (" + (number != 0 ? std::strerror(static_cast<int>(number)) : why) + ")",
                true};
    }
    case CURLE_USE_SSL_FAILED:
        return {Kind::certificate,
                host + ": offers no STARTTLS, which is required; it may have TLS from the start: smtps://", false};
    case CURLE_LOGIN_DENIED:
        return {Kind::rejected, host + ": offers no way to log in, or none that is known here", false};
    case CURLE_OPERATION_TIMEDOUT:
        return {Kind::timed_out, host + ": takes too long (" + why + ")", true};
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return {Kind::unreachable, host + ": closed the connection before it had answered (" + why + ")", true};
    default:
        return {Kind::answer, host + ": " + why, true};
    }
}

/* What a mail server refuses with, once it has spoken: 4xx is for now, 5xx for good. */
WebError rejection(long status, const std::string &host, const Transfer &transfer)
{
    const std::vector<MailRefusal> &refused = transfer.refused;
    if (refused.size() == transfer.mail->recipients.size()) {
        bool again = std::any_of(refused.begin(), refused.end(), [](const MailRefusal &each) { return each.reply.starts_with('4'); });
        return {WebError::Kind::rejected, host + ": takes the mail for nobody: " + text_of(refused), again};
    }
    std::string what = status == 535 || status == 534 ? "refuses user or password" : "does not take the mail";
    return {WebError::Kind::rejected, host + ": " + what + ": " + transfer.reply, status < 500};
}

const char *name_of(WebRequest::Method method)
{
    switch (method) {
    case WebRequest::Method::post:
        return "POST";
    case WebRequest::Method::put:
        return "PUT";
    case WebRequest::Method::patch:
        return "PATCH";
    default:
        return "GET";
    }
}

[[noreturn]] void refuse(const std::string &why)
{
    throw WebError(WebError::Kind::request, why, false);
}

void check(const WebRequest &request)
{
    if (std::string fault = url_fault(request.url); !fault.empty()) {
        refuse("the address cannot be asked: " + fault);
    }
    for (const std::string &line : request.headers) {
        if (std::string fault = header_fault(line); !fault.empty()) {
            refuse("a header cannot be sent: " + fault);
        }
    }
}

void check(const Mail &mail)
{
    if (std::string fault = mail_server_fault(mail.server); !fault.empty()) {
        refuse("the address of the mail server cannot be used: " + fault);
    }
    if (mail.recipients.empty()) {
        refuse("the mail has no recipient: name one at least");
    }
    std::vector<std::string> addresses = mail.recipients;
    addresses.push_back(mail.from);
    for (const std::string &address : addresses) {
        if (std::string fault = mail_address_fault(address); !fault.empty()) {
            refuse("an address of the mail cannot be used: " + fault);
        }
    }
    bool may_be_clear = mail.starttls == Mail::StartTls::if_offered && lower(mail.server).starts_with("smtp:");
    if (may_be_clear && !mail.password.empty()) {
        refuse("a password is not sent where TLS is only used if it is offered: require it, or use smtps://");
    }
}

}

/* Connections of guarded requests are apart: one that was made for an unguarded request to the
 * same host must not serve them. */
struct WebClient::Handles {
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy{curl_easy_init(), &curl_easy_cleanup};
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> unguarded{curl_multi_init(), &curl_multi_cleanup};
    std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> guarded{curl_multi_init(), &curl_multi_cleanup};

    /* With what all transfers have in common. */
    CURL *prepare(const WebClientSettings &settings, const std::string &url, const WebBounds &bounds, bool is_guarded,
                  Transfer &transfer)
    {
        CURL *curl = easy.get();
        curl_easy_reset(curl);
        set(curl, CURLOPT_URL, url.c_str());
        set(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
        set(curl, CURLOPT_PROXY, "");
        set(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        set(curl, CURLOPT_FOLLOWLOCATION, 0L);
        set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
        set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
        if (!settings.ca_file.empty()) {
            set(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
            set(curl, CURLOPT_CAPATH, static_cast<const char *>(nullptr));
        }
        set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(bounds.connect.count()));
        set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(bounds.total.count()));
        set(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(bounds.quiet.count()));
        set(curl, CURLOPT_LOW_SPEED_LIMIT, slow);
        set(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(bounds.quiet.count()));
        set(curl, CURLOPT_NOSIGNAL, 1L);
        // A resolver that hangs is left to itself.
        set(curl, CURLOPT_QUICK_EXIT, 1L);
        set(curl, CURLOPT_WRITEFUNCTION, on_body);
        set(curl, CURLOPT_WRITEDATA, &transfer);
        set(curl, CURLOPT_HEADERFUNCTION, on_header);
        set(curl, CURLOPT_HEADERDATA, &transfer);
        set(curl, CURLOPT_NOPROGRESS, 0L);
        set(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        set(curl, CURLOPT_XFERINFODATA, &transfer);
        set(curl, CURLOPT_ERRORBUFFER, transfer.why);
        if (is_guarded) {
            set(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
            set(curl, CURLOPT_OPENSOCKETDATA, &transfer);
        }
        return curl;
    }

    CURLcode perform(bool is_guarded, const std::stop_token &stop)
    {
        CURLM *multi = is_guarded ? guarded.get() : unguarded.get();
        auto must = [](CURLMcode code) {
            if (code != CURLM_OK) {
                throw std::runtime_error(std::string("libcurl: ") + curl_multi_strerror(code));
            }
        };
        must(curl_multi_add_handle(multi, easy.get()));
        auto remove = [multi](CURL *curl) { curl_multi_remove_handle(multi, curl); };
        std::unique_ptr<CURL, decltype(remove)> added(easy.get(), remove);
        // The only call to libcurl that other threads may make.
        std::stop_callback wake(stop, [multi]() noexcept { curl_multi_wakeup(multi); });
        bool stopped = stop.stop_requested();
        for (int running = 1; !stopped;) {
            must(curl_multi_poll(multi, nullptr, 0, 1000, nullptr));
            // Ended by on_progress(), it is over to libcurl, too: a mail that is just taken
            // away is ended as if it were whole.
            stopped = stop.stop_requested();
            must(curl_multi_perform(multi, &running));
            if (running == 0) {
                int left = 0;
                const CURLMsg *message = curl_multi_info_read(multi, &left);
                return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
            }
        }
        return CURLE_ABORTED_BY_CALLBACK;
    }
};

WebError::WebError(Kind error, const std::string &what, bool may_help)
    : std::runtime_error(what), kind(error), again(may_help)
{
}

WebClient::WebClient(WebClientSettings settings) : settings_(std::move(settings)), handles_(std::make_unique<Handles>())
{
    if (!handles_->easy || !handles_->unguarded || !handles_->guarded) {
        throw std::bad_alloc();
    }
    for (CURLM *multi : {handles_->unguarded.get(), handles_->guarded.get()}) {
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, most_kept);
    }
}

WebClient::~WebClient() = default;

WebAnswer WebClient::send(const WebRequest &request, const std::stop_token &stop)
{
    check(request);
    Transfer transfer(stop, settings_.guard);
    transfer.most_body = request.most_answer;
    CURL *curl = handles_->prepare(settings_, request.url, request.bounds, request.guarded, transfer);
    List headers;
    append(headers, "Expect:");         // a server that waits for the body gets it
    for (const std::string &line : request.headers) {
        append(headers, line);
    }
    set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(curl, CURLOPT_HTTPHEADER, headers.get());
    set(curl, CURLOPT_USERAGENT, "errtrack-worker");
    if (request.method != WebRequest::Method::get) {
        set(curl, CURLOPT_POSTFIELDS, request.body.data());
        set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(curl, CURLOPT_CUSTOMREQUEST, name_of(request.method));
    }
    CURLcode code = handles_->perform(request.guarded, stop);
    if (code == CURLE_OK && !transfer.headers_end) {
        code = CURLE_PARTIAL_FILE;      // to libcurl this is an answer
    }
    bool is_cut = code == CURLE_WRITE_ERROR && transfer.too_long && request.excess == WebRequest::Excess::cut;
    if (code != CURLE_OK && !is_cut) {
        throw error_of(code, host_of(request.url), transfer, curl);
    }
    WebAnswer answer;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    if (retry_after > 0) {
        answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(retry_after, most_retry_after.count()));
    }
    answer.body = std::move(transfer.body);
    answer.cut = is_cut;
    return answer;
}

std::vector<MailRefusal> WebClient::send_mail(const Mail &mail, const std::stop_token &stop)
{
    check(mail);
    Transfer transfer(stop, settings_.guard);
    transfer.upload = mail.message;
    transfer.mail = &mail;
    CURL *curl = handles_->prepare(settings_, mail.server, mail.bounds, mail.guarded, transfer);
    List recipients;
    for (const std::string &address : mail.recipients) {
        append(recipients, address);
    }
    set(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(curl, CURLOPT_USE_SSL,
        static_cast<long>(mail.starttls == Mail::StartTls::required     ? CURLUSESSL_ALL
                          : mail.starttls == Mail::StartTls::if_offered ? CURLUSESSL_TRY
                                                                        : CURLUSESSL_NONE));
    if (!mail.user.empty()) {
        set(curl, CURLOPT_USERNAME, mail.user.c_str());
        set(curl, CURLOPT_PASSWORD, mail.password.c_str());
    }
    set(curl, CURLOPT_MAIL_FROM, mail.from.c_str());
    set(curl, CURLOPT_MAIL_RCPT, recipients.get());
    set(curl, rcpt_allow_fails, 1L);
    set(curl, CURLOPT_DEBUGFUNCTION, on_command);
    set(curl, CURLOPT_DEBUGDATA, &transfer);
    set(curl, CURLOPT_VERBOSE, 1L);     // or nobody is called
    set(curl, CURLOPT_UPLOAD, 1L);
    set(curl, CURLOPT_READFUNCTION, on_upload);
    set(curl, CURLOPT_READDATA, &transfer);
    set(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.message.size()));
    // One that is kept would be said good-bye to when this goes, and wait for the answer.
    set(curl, CURLOPT_FORBID_REUSE, 1L);
    CURLcode code = handles_->perform(mail.guarded, stop);
    if (code == CURLE_OK) {
        return std::move(transfer.refused);
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    bool spoken = code == CURLE_SEND_ERROR || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED
                  || code == CURLE_LOGIN_DENIED || code == CURLE_RECV_ERROR;
    if (spoken && status >= 400) {
        throw rejection(status, host_of(mail.server), transfer);
    }
    throw error_of(code, host_of(mail.server), transfer, curl);
}

}
