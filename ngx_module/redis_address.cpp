/*
 * The directives that say where Redis is. Everything that can be known at start is
 * settled at start: names are resolved, files are read.
 */

#include "ngx_module/redis_link.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

RedisAddress &address_at(void *conf, const ngx_command_t *cmd) noexcept
{
    return *reinterpret_cast<RedisAddress *>(static_cast<char *>(conf) + cmd->offset);
}

}

/* errtrack_redis ADDRESS [db=N] [user=NAME]: names are resolved now, never on the event loop. */
char *set_redis_address(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    RedisAddress &redis = address_at(conf, cmd);
    if (redis.name.len > 0) {
        return const_cast<char *>("is duplicate");
    }
    auto *args = static_cast<ngx_str_t *>(cf->args->elts);
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        std::string_view arg = view(args[i]);
        if (arg.substr(0, 3) == "db=") {
            redis.database = ngx_atoi(args[i].data + 3, args[i].len - 3);
            if (redis.database == NGX_ERROR) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid database number in \"%V\"",
                                   &args[i]);
                return static_cast<char *>(NGX_CONF_ERROR);
            }
        } else if (arg.size() > 5 && arg.substr(0, 5) == "user=") {
            redis.user = as_ngx_str(arg.substr(5));
        } else if (arg.substr(0, 9) == "password=") {
            // Not shown: it would stand in the log, too.
            return const_cast<char *>("takes no password, which \"nginx -T\" would print: "
                                      "use \"errtrack_redis_password_file\"");
        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", &args[i]);
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }
    ngx_url_t url = {};
    url.url = args[1];
    url.default_port = 6379;
    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in redis address \"%V\"",
                           url.err != nullptr ? url.err : "no address", &url.url);
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    redis.name = args[1];
    ngx_addr_t *addr = &url.addrs[0];
    if (addr->sockaddr->sa_family == AF_UNIX) {
        auto *local = reinterpret_cast<struct sockaddr_un *>(addr->sockaddr);
        redis.host = {ngx_strlen(local->sun_path), reinterpret_cast<u_char *>(local->sun_path)};
        return NGX_CONF_OK;
    }
    auto *text = static_cast<u_char *>(ngx_pcalloc(cf->pool, NGX_SOCKADDR_STRLEN + 1));
    if (text == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    redis.host.data = text;
    redis.host.len = ngx_sock_ntop(addr->sockaddr, addr->socklen, text, NGX_SOCKADDR_STRLEN, 0);
    // An IPv6 address comes in brackets, which getaddrinfo does not take.
    if (text[0] == '[') {
        redis.host.len -= 2;
        ngx_memmove(text, text + 1, redis.host.len);
        text[redis.host.len] = '\0';
    }
    redis.port = ngx_inet_get_port(addr->sockaddr);
    return NGX_CONF_OK;
}

/* The password never stands in the configuration itself, which "nginx -T" prints. */
char *set_redis_password_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept
{
    ngx_str_t *password = &address_at(conf, cmd).password;
    if (password->len > 0) {
        return const_cast<char *>("is duplicate");
    }
    ngx_str_t path = static_cast<ngx_str_t *>(cf->args->elts)[1];
    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    u_char text[512];
    ngx_fd_t fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    ssize_t n = fd == NGX_INVALID_FILE ? -1 : ngx_read_fd(fd, text, sizeof(text));
    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "cannot read \"%V\"", &path);
    }
    if (fd != NGX_INVALID_FILE) {
        ngx_close_file(fd);
    }
    if (n == -1) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        n--;
    }
    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty", &path);
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    ngx_str_t value = {static_cast<size_t>(n), text};
    password->data = ngx_pstrdup(cf->pool, &value);
    password->len = value.len;
    ngx_explicit_memzero(text, sizeof(text));
    return password->data == nullptr ? static_cast<char *>(NGX_CONF_ERROR) : NGX_CONF_OK;
}

}
