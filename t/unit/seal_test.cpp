/* Secrets that are sealed, what opens them and what does not. */

#include "worker/seal.hpp"
#include "worker/secret_store.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <sys/stat.h>

namespace errtrack {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

const std::string hex_key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string same_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string other_key = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string hook = "https://hooks.slack.com/services/T0/B0/x";

class Seal : public ::testing::Test {
protected:
    ~Seal() override { fs::remove_all(folder); }

    static std::string make_folder()
    {
        std::string name = (fs::temp_directory_path() / "seal-XXXXXX").string();
        return ::mkdtemp(name.data());
    }

    std::string file(const std::string &name, const std::string &content, mode_t mode = 0600)
    {
        std::string path = folder + "/" + name;
        std::ofstream(path) << content;
        ::chmod(path.c_str(), mode);
        return path;
    }

    std::string refusal(const std::string &path)
    {
        try {
            SealKeys keys(path);
        } catch (const SealError &e) {
            return e.what();
        }
        return "taken";
    }

    std::string folder = make_folder();
};

/* What opening it came to, or why it did not. */
std::string opened(const SealKeys &keys, const std::string &sealed, const std::string &context)
{
    try {
        return keys.open(sealed, context);
    } catch (const SealError &e) {
        return "refused: "s + e.what();
    }
}

std::string given(const SecretStore &store, const std::string &stored)
{
    try {
        return store.plain(stored, "channel/url");
    } catch (const SecretError &e) {
        return "refused: "s + e.what();
    }
}

TEST_F(Seal, opens_what_it_sealed)
{
    SealKeys keys(file("key", hex_key + "\n"));
    EXPECT_EQ(keys.ids(), "630dcd29");
    for (const std::string &plain : {hook, "x"s, "\0\xff\n"s, std::string(longest_secret, 'x')}) {
        std::string sealed = keys.seal(plain, "channel/url");
        EXPECT_EQ(sealing_key(sealed), "630dcd29");
        EXPECT_LE(sealed.size(), 2 * longest_secret) << "which is as much as will be opened";
        EXPECT_EQ(keys.open(sealed, "channel/url"), plain);
    }
    EXPECT_THROW(keys.seal("", "channel/url"), SealError);
    EXPECT_THROW(keys.seal(std::string(longest_secret + 1, 'x'), "channel/url"), SealError);
}

/* Made by another implementation: texts that are stored now have to open ever after. */
TEST_F(Seal, opens_what_was_sealed_elsewhere)
{
    SealKeys keys(file("key", hex_key));
    EXPECT_EQ(keys.open("v1:630dcd29:ZGVmZ2hpamtsbW5vIG+qFgrTebFWDTCDqUsZkSOhbSToA55d1LTePpLAwDu7vXDvDiK0fFOuHxiZCsAqxFk2elArTC8=", "channel/url"), hook);
}

TEST_F(Seal, never_seals_alike)
{
    SealKeys keys(file("key", hex_key));
    std::set<std::string> seen;
    for (int i = 0; i < 100; i++) {
        seen.insert(keys.seal(hook, "channel/url"));
    }
    EXPECT_EQ(seen.size(), 100u);
}

TEST_F(Seal, is_for_one_purpose)
{
    SealKeys keys(file("key", hex_key));
    std::string sealed = keys.seal(hook, seal_context("channel", "url"));
    for (const char *context : {"tracker/url", "channel/secret", "channel/ur", ""}) {
        EXPECT_EQ(opened(keys, sealed, context), "refused: it was sealed for something else than "s + context
                                                     + ", or was changed since: set it anew");
    }
}

TEST_F(Seal, refuses_every_changed_bit)
{
    SealKeys keys(file("key", hex_key));
    const std::string sealed = keys.seal(hook, "channel/url");
    for (std::size_t i = 0; i < sealed.size() * 8; i++) {
        std::string changed = sealed;
        changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << i % 8);
        EXPECT_THROW(keys.open(changed, "channel/url"), SealError) << changed;
    }
    for (std::size_t size = 0; size < sealed.size(); size++) {
        EXPECT_THROW(keys.open(sealed.substr(0, size), "channel/url"), SealError) << size;
    }
    for (const std::string &other : {sealed + "A", sealed + "=", sealed + "\n", sealed + "AAAA", " " + sealed, "v1:630dcd29:"s, "v1:630dcd29:===="s,
                                     sealed + std::string(100'000, 'A')}) {
        EXPECT_THROW(keys.open(other, "channel/url"), SealError) << other.substr(0, 200);
    }
}

TEST_F(Seal, tells_which_key_is_missing)
{
    std::string sealed = SealKeys(file("key", hex_key)).seal(hook, "channel/url");
    std::string other = file("other", other_key);
    EXPECT_EQ(opened(SealKeys(other), sealed, "channel/url"),
              "refused: it is sealed with the key 630dcd29, which is not in " + other
                  + ": add that key behind the others, or set it anew");
    EXPECT_EQ(sealing_key(hook), "");
    EXPECT_EQ(sealing_key("v2:630dcd29:AAAA"), "");
}

TEST_F(Seal, seals_with_the_first_key_and_opens_with_all)
{
    std::string old = SealKeys(file("key", hex_key)).seal(hook, "channel/url");
    SealKeys keys(file("both", other_key + "\r\n" + same_key + "\n"));
    EXPECT_EQ(keys.open(old, "channel/url"), hook);
    EXPECT_EQ(keys.ids(), std::string(sealing_key(keys.seal(hook, "channel/url"))) + ", 630dcd29");
}

TEST_F(Seal, has_a_file_that_is_its_owners_alone)
{
    for (mode_t mode : {0640, 0604, 0620, 0602, 0610, 0601}) {
        std::string path = file("key", hex_key, mode);
        EXPECT_EQ(refusal(path), "others than its owner have rights on " + path + ": set them to 0600 (chmod 600)");
    }
    EXPECT_EQ(refusal(file("key", hex_key, 0400)), "taken");
    EXPECT_EQ(refusal(folder + "/none"), "cannot read " + folder + "/none: No such file or directory");
    EXPECT_EQ(refusal(folder), folder + " is no file");
    std::string pipe = folder + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(refusal(pipe), pipe + " is no file");
}

TEST_F(Seal, has_keys_of_256_bits)
{
    EXPECT_EQ(refusal(file("key", "")), folder + "/key is empty: \"errtrack secrets-key\" makes a key");
    for (const std::string &bad : {"\n"s, hex_key.substr(1), hex_key + "0", "g" + hex_key.substr(1), same_key.substr(1), same_key + "=",
                                   same_key.substr(0, 42) + "9=", "AAECAw=="s, " " + hex_key, "password"s}) {
        EXPECT_EQ(refusal(file("key", hex_key + "\n" + bad + "\n")),
                  "line 2 of " + folder + "/key is no key: 64 hexadecimal digits or 32 bytes in base64 are wanted, as "
                                          "\"errtrack secrets-key\" makes them") << bad;
    }
    EXPECT_EQ(refusal(file("key", std::string(5000, 'a'))), folder + "/key is no file of keys: it has 4096 bytes or more");
}

TEST_F(Seal, gives_the_worker_what_is_kept)
{
    file("slack", hook + "\r\nsecond line\n");
    file(".hidden", hook);
    file("empty", "\n");
    file("long", std::string(longest_secret + 1, 'x'));
    std::string key_file = file("key", hex_key);
    SecretStore store({key_file, folder});
    EXPECT_EQ(store.keys(), "630dcd29");
    EXPECT_EQ(given(store, SealKeys(key_file).seal(hook, "channel/url")), hook);
    EXPECT_EQ(given(store, "file:slack"), hook);
    for (const std::string &name : {""s, "../key"s, "/etc/passwd"s, ".hidden"s, "."s, ".."s}) {
        EXPECT_EQ(given(store, "file:" + name),
                  "refused: \"" + name + "\" cannot be the name of a secret's file: it has no slash and no dot in front");
    }
    EXPECT_EQ(given(store, "file:none"), "refused: cannot read a secret from the first line of \"none\" in the worker's --secrets-dir");
    EXPECT_EQ(given(store, "file:empty"), "refused: cannot read a secret from the first line of \"empty\" in the worker's --secrets-dir");
    EXPECT_EQ(given(store, "file:long"), "refused: the first line of \"long\" in the worker's --secrets-dir is longer than 4096 bytes");
    EXPECT_EQ(given(store, hook), "refused: it is neither sealed (v1:KEY:TEXT) nor names a file (file:NAME): set it anew");
}

TEST_F(Seal, sends_files_where_their_list_says)
{
    file("token", "t");
    SecretStore store({"", folder});
    auto sent = [&](const SecretPlaces &places) {
        try {
            return store.plain("file:token", "tracker/token", places);
        } catch (const SecretError &e) {
            return "refused: "s + e.what();
        }
    };
    const std::string shop = "https://git.example/acme/shop";
    auto refused = [&](const std::string &address) {
        return "refused: the file \"token\" is not for " + address + ": add the beginning of that address as a line to \"token.for\" in the worker's --secrets-dir";
    };
    EXPECT_EQ(sent({{shop}}), "t") << "whoever vouches for it";
    EXPECT_EQ(sent({{shop}, true}), refused(shop) + ", or have the command set it (errtrack tracker set, with --url and --external-id)");
    file("token.for", "# shops\r\n\nHTTPS://Git.example/acme/shop/\r\nhttps://git.example/x/api/v4\nhttps://hook.example/a?b=\n");
    for (bool listed : {false, true}) {
        for (const std::string &good : {shop, shop + "/", "https://GIT.example/acme/shop"s, shop + "/till", shop + "?a=b", "https://hook.example/a?b="s, ""s}) {
            EXPECT_EQ(sent({{good}, listed}), "t") << good;
        }
        for (const std::string &bad : {"https://git.example/acme/shop2"s, "https://git.example/acme"s, "http://git.example/acme/shop"s,
                                       "https://git.example/ACME/shop"s, shop + "/../till", shop + "/%2e%2e/till", shop + "/..", shop + "\\..\\till",
                                       "https://git.example.evil.example/acme/shop"s, "https://git.example:8443/acme/shop"s}) {
            EXPECT_EQ(sent({{bad}, listed}), refused(bad));
        }
    }
    EXPECT_EQ(sent({{shop, "https://git.example/x/api/v4"}, true}), "t");
    EXPECT_EQ(sent({{shop, "https://git.example/y/api/v4"}, true}), refused("https://git.example/y/api/v4")) << "each is to be listed";
    EXPECT_EQ(sent({{"https://hook.example/geheim"}, false, false}).find("geheim"), std::string::npos) << "an address that is a secret";
    file("token.for", "");
    EXPECT_EQ(sent({{shop}}), refused(shop)) << "a list of none";
    std::filesystem::remove(folder + "/token.for");
    std::filesystem::create_directory(folder + "/token.for");
    EXPECT_EQ(sent({{shop}}), refused(shop)) << "what cannot be read";
}

TEST_F(Seal, gives_the_worker_a_new_key_at_once)
{
    std::string key_file = file("key", hex_key);
    SecretStore store({key_file, ""});
    std::string sealed = SealKeys(file("other", other_key)).seal(hook, "channel/url");
    std::string missing = "refused: it is sealed with the key " + std::string(sealing_key(sealed)) + ", which is not in ";
    EXPECT_EQ(given(store, sealed).substr(0, missing.size()), missing);
    file("key", other_key + "\n" + hex_key + "\n");
    EXPECT_EQ(given(store, sealed), hook);
    EXPECT_EQ(given(store, SealKeys(key_file).seal("x", "channel/url")), "x");
}

TEST_F(Seal, tells_the_worker_which_option_is_missing)
{
    SecretStore store({"", ""});
    EXPECT_EQ(given(store, SealKeys(file("key", hex_key)).seal(hook, "channel/url")),
              "refused: it is sealed with the key 630dcd29: start the worker with --secrets-key-file");
    EXPECT_EQ(given(store, "file:slack"), "refused: it is in the file \"slack\": start the worker with --secrets-dir");
    EXPECT_THROW(SecretStore({folder + "/none", ""}), SecretSettingsError);
    EXPECT_THROW(SecretStore({"", folder + "/none"}), SecretSettingsError);
    EXPECT_THROW(SecretStore({"", file("file", "x")}), SecretSettingsError);
}

}
}
