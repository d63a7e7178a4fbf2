/* What the files of the kinds of channels share. Pure. */

#ifndef ERRTRACK_WORKER_CHANNEL_PARTS_HPP
#define ERRTRACK_WORKER_CHANNEL_PARTS_HPP

#include "worker/channel.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/* Of what it is about, or of the notice itself. */
enum class Severity { info, warning, error, critical };
Severity severity_of(const Notice &notice);

/* The same for all notices of an issue, or of the same kind about its project. */
std::string topic_of(const Notice &notice);

/* When it was, in RFC 3339; empty when nobody can tell. */
std::string moment_of(const Notice &notice);

/* Whole lines of at most that many characters together, as JavaScript counts them. */
std::string joined(const std::vector<std::string> &lines, std::string_view between, std::size_t most);

/* A JSON array of JSON texts. */
std::string list_of(const std::vector<std::string> &items);

/* The texts of a list in the settings. Throws ChannelError. */
std::vector<std::string> setting(const Channel &channel, const std::string &name);

/* A request with a JSON body to an address that people chose. Throws ChannelError. */
WebRequest post_json(const std::string &url, std::string body);

}

#endif
