#include "worker/secret_store.hpp"

#include "worker/seal.hpp"
#include "worker/secret_file.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace errtrack {
namespace {

constexpr std::string_view reference = "file:";

/* As it is compared: neither the case of scheme and host nor a slash at the end matters. */
std::string comparable(std::string_view address)
{
    std::string text(address.substr(0, address.find_last_not_of("/ \t\r") + 1));
    std::size_t host = text.find("://");
    std::size_t end = host == text.npos ? 0 : std::min(text.find_first_of("/?#", host + 3), text.size());
    std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/* What follows the beginning must not lead out of it again, whoever resolves it. */
bool begins(const std::string &address, const std::string &beginning)
{
    if (beginning.empty() || !address.starts_with(beginning)) {
        return false;
    }
    std::string_view rest = std::string_view(address).substr(beginning.size());
    return rest.empty()
           || ((rest.front() == '/' || rest.front() == '?') && rest.find("/.") == rest.npos
               && rest.find_first_of("%\\") == rest.npos);
}

/* The first of the addresses that no line of a file has the beginning of; empty: there is none. */
std::string unlisted(const std::string &path, const std::vector<std::string> &addresses)
{
    std::ifstream file(path);
    std::vector<std::string> beginnings;
    for (std::string line; std::getline(file, line);) {
        beginnings.push_back(comparable(line));
    }
    for (const std::string &address : addresses) {
        const std::string wanted = comparable(address);
        if (std::none_of(beginnings.begin(), beginnings.end(),
                         [&](const std::string &beginning) { return begins(wanted, beginning); }) && !wanted.empty())
        {
            return address;
        }
    }
    return {};
}

/* Throws SecretError. */
void must_be_for(const SecretPlaces &places, const std::string &name, const std::string &path)
{
    const std::string list = path + ".for";
    std::error_code why;
    // Where the folder is is the operator's business: those who set channels read this.
    bool bound = std::filesystem::status(list, why).type() != std::filesystem::file_type::not_found;
    // A list that cannot be read names nothing.
    std::string address = bound || places.listed ? unlisted(list, places.addresses) : "";
    if (!address.empty()) {
        throw SecretError("the file \"" + name + "\" is not for " + (places.shown ? address : "where it is to be sent") + ": add the beginning of that address as a line to \"" + name
                          + ".for\" in the worker's --secrets-dir" + (bound ? "" : ", or have the command set it (errtrack tracker set, with --url and --external-id)"));
    }
}

}

SecretStore::SecretStore(const SecretSettings &settings) : settings_(settings)
{
    try {
        if (!settings.key_file.empty()) {
            keys_ = SealKeys(settings.key_file).ids();
        }
    } catch (const SealError &e) {
        throw SecretSettingsError(std::string("--secrets-key-file: ") + e.what());
    }
    std::error_code why;
    if (!settings.dir.empty() && !std::filesystem::is_directory(settings.dir, why)) {
        throw SecretSettingsError("--secrets-dir: " + settings.dir + " is no folder"
                                  + (why ? ": " + why.message() : std::string()));
    }
}

std::string SecretStore::plain(const std::string &stored, const std::string &context, const SecretPlaces &places) const
{
    if (stored.starts_with(reference)) {
        return from_file(stored.substr(reference.size()), places);
    }
    const std::string key(sealing_key(stored));
    if (key.empty()) {
        throw SecretError("it is neither sealed (v1:KEY:TEXT) nor names a file (file:NAME): set it anew");
    }
    if (settings_.key_file.empty()) {
        throw SecretError("it is sealed with the key " + key + ": start the worker with --secrets-key-file");
    }
    try {
        return SealKeys(settings_.key_file).open(stored, context);
    } catch (const SealError &e) {
        throw SecretError(e.what());
    }
}

std::string SecretStore::from_file(const std::string &name, const SecretPlaces &places) const
{
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
        throw SecretError("\"" + name + "\" cannot be the name of a secret's file: it has no slash and no dot in front");
    }
    if (settings_.dir.empty()) {
        throw SecretError("it is in the file \"" + name + "\": start the worker with --secrets-dir");
    }
    const std::string path = settings_.dir + "/" + name;
    must_be_for(places, name, path);
    std::string secret = read_secret(path);
    if (secret.empty()) {
        throw SecretError("cannot read a secret from the first line of \"" + name + "\" in the worker's --secrets-dir");
    }
    if (secret.size() > longest_secret) {
        throw SecretError("the first line of \"" + name + "\" in the worker's --secrets-dir is longer than "
                          + std::to_string(longest_secret) + " bytes");
    }
    return secret;
}

}
