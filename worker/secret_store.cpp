#include "worker/secret_store.hpp"

#include "worker/seal.hpp"
#include "worker/secret_file.hpp"

#include <filesystem>
#include <string_view>
#include <system_error>

namespace errtrack {
namespace {

constexpr std::string_view reference = "file:";

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

std::string SecretStore::plain(const std::string &stored, const std::string &context) const
{
    if (stored.starts_with(reference)) {
        return from_file(stored.substr(reference.size()));
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

std::string SecretStore::from_file(const std::string &name) const
{
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
        throw SecretError("\"" + name + "\" cannot be the name of a secret's file: it has no slash and no dot in front");
    }
    if (settings_.dir.empty()) {
        throw SecretError("it is in the file \"" + name + "\": start the worker with --secrets-dir");
    }
    const std::string path = settings_.dir + "/" + name;
    std::string secret = read_secret(path);
    if (secret.empty()) {
        throw SecretError("cannot read a secret from the first line of " + path);
    }
    if (secret.size() > longest_secret) {
        throw SecretError("the first line of " + path + " is longer than " + std::to_string(longest_secret) + " bytes");
    }
    return secret;
}

}
