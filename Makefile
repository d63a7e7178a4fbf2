# errtrack: build, run, test. "make help" lists what there is.

BUILD     := $(CURDIR)/build
NGINX_SRC ?= /usr/share/nginx/src
CXX       ?= g++
CXXFLAGS  ?= -O2 -g
WARNINGS  := -Wall -Wextra -Werror
SANITIZE  ?=
# For code of ours that is shipped: tests and the headers of others may convert as they like.
STRICT    := -Wconversion -Wno-sign-conversion

# Kept apart from CXXFLAGS, so that those who set these keep them. Sanitizers bring checks of
# their own, which fortified functions pass by.
HARDEN    := -fstack-protector-strong $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
LDHARDEN  := -Wl,-z,relro,-z,now,-z,noexecstack
JOBS      ?= $(shell nproc)

PREFIX      ?= /usr
MODULES_DIR ?= /usr/lib/nginx/modules
SQL_DIR     := $(PREFIX)/share/errtrack/sql

SHELL     := /bin/bash
.SHELLFLAGS := -e -o pipefail -c

.DEFAULT_GOAL := help
.SECONDARY:
.PHONY: help run start stop status test all modules worker unit clean

help:                   ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run:                    ## install what is missing, build, and run a local instance
	@t/lib/deps build run
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@exec t/instance run

start:                  ## the same in the background; .run/env says how to reach it
	@t/lib/deps build run
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@t/instance start

stop:                   ## stop the local instance; its data stays in .run/
	@t/instance stop

status:                 ## tell whether the local instance runs
	@t/instance status

test:                   ## install what is missing, build, and run all tests but the long ones
	@t/lib/deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) all units fuzzers clients
	@$(TMP) prove -j$(JOBS) -I t/lib $(TESTS)

all: modules worker     ## build everything into build/

# ---- nginx modules ----------------------------------------------------------
#
# Debian's nginx-dev brings the flags of its nginx in conf_flags; an upstream tree
# (make modules NGINX_SRC=/path/to/nginx-1.x) is configured with --with-compat,
# which is what the packages of nginx.org need. Neither needs root, and all
# output goes to build/.

NGINX_BUILD := $(BUILD)/nginx
MODULES     := $(NGINX_BUILD)/ngx_http_errtrack_ingest_module.so \
               $(NGINX_BUILD)/ngx_http_errtrack_query_module.so

modules: $(NGINX_BUILD)/Makefile   ## build the two nginx modules
	@echo "  MAKE  nginx modules"
	@$(MAKE) -s -C $(NGINX_SRC) -f $(NGINX_BUILD)/Makefile modules

# nginx's makefile names every file, so it is made anew when there are others; what
# is in them is its own business.
FILES  := $(sort $(wildcard ngx_module/*.cpp ngx_module/*.hpp ngx_module/*.S))
LISTED := $(NGINX_BUILD)/files

.PHONY: FORCE
$(LISTED): FORCE
	@mkdir -p $(@D); echo "$(FILES)" | cmp -s - $@ || echo "$(FILES)" > $@

# $(1) is the folder of an addon, $(2) where its nginx makefile goes. What nginx finds its
# headers by is -I: a folder that -isystem names as well is one of headers of others.
NGINX_HEADERS := $(patsubst %,-isystem src/%,core event event/modules os/unix http http/modules http/v2)
define configure
	@echo "  CONF  nginx modules against $(NGINX_SRC)"
	@mkdir -p $(2); cd $(NGINX_SRC) && { \
	    NGX_CONF_FLAGS=(--with-compat --with-threads); \
	    if [ -f ./conf_flags ]; then . ./conf_flags; fi; \
	    ./configure "$${NGX_CONF_FLAGS[@]}" \
	        --with-cc-opt="$(CXXFLAGS) $(HARDEN) $(SANITIZE) -fPIC -Wextra $(STRICT) -Wno-unused-parameter -Wno-missing-field-initializers $(NGINX_HEADERS)" \
	        --with-ld-opt="$(LDHARDEN) $(SANITIZE) -fPIC" \
	        --add-dynamic-module=$(1) --builddir=$(2) \
	        > $(2).log || { tail -n 20 $(2).log; exit 1; }; }
endef

$(NGINX_BUILD)/Makefile: config $(LISTED)
	$(call configure,$(CURDIR),$(NGINX_BUILD))

# ---- worker and command -----------------------------------------------------

# What the unit tests link: no I/O in it but reading files.
GROUPING := explanation fingerprint glob grouping grouping_exceptions grouping_frames grouping_names \
            grouping_native grouping_rules grouping_stack in_app parameterize parameterize_dates parameterize_patterns rule_reader \
            title
CHANNELS := markup notice notice_text channel channel_alert channel_answer channel_chat channel_mail channel_webhook
PURE    := repair json json_value json_editor timestamp auth_scheme card_number secret_names secrets scrub payload_filter \
           event_settings inflate envelope fields user user_agent derived tags normalize limits event $(GROUPING) \
           rule_trial payload multipart minidump attachment item client_report feedback transaction session crontab check_in security_report record content \
           address_guard mail_message web_request seal secret_store $(CHANNELS) markdown tracker_text
DAEMON  := main $(filter-out $(PURE) main admin%,$(patsubst worker/%.cpp,%,$(wildcard worker/*.cpp)))
COMMAND := redis backlog $(PURE) $(patsubst worker/%.cpp,%,$(wildcard worker/admin*.cpp))

WORKER_FLAGS = -std=c++20 $(WARNINGS) $(CXXFLAGS) $(HARDEN) -fPIE $(SANITIZE) -I. -MMD -MP \
                -DERRTRACK_SQL_DIR='"$(SQL_DIR)"'
OBJ          := $(BUILD)/obj

$(OBJ)/worker/%.o $(OBJ)/ngx_module/%.o: WARNINGS += $(STRICT)

worker: $(BUILD)/errtrack-worker $(BUILD)/errtrack   ## build the worker and the command

$(OBJ)/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	@$(CXX) $(WORKER_FLAGS) -c -o $@ $<

objects = $(patsubst %,$(OBJ)/worker/%.o,$(1))

$(BUILD)/errtrack-worker: $(call objects,$(PURE) $(DAEMON))
	@echo "  LINK  $(notdir $@)"
	@$(CXX) $(CXXFLAGS) $(LDHARDEN) -pie $(SANITIZE) -o $@ $^ -lpqxx -lpq -lhiredis -lprometheus-cpp-core -lcivetweb -lcurl -ljansson -lsimdjson -lspdlog -lfmt -lz -lbrotlidec -lzstd -lcrypto -lpthread

$(BUILD)/errtrack: $(call objects,$(COMMAND))
	@echo "  LINK  $(notdir $@)"
	@$(CXX) $(CXXFLAGS) $(LDHARDEN) -pie $(SANITIZE) -o $@ $^ -lpqxx -lpq -lhiredis -lsimdjson -lz -lbrotlidec -lzstd -lcrypto

# ---- installing -------------------------------------------------------------

.PHONY: install
install: all            ## install into PREFIX (/usr) and MODULES_DIR; DESTDIR is put in front
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MODULES_DIR) \
	    $(DESTDIR)$(SQL_DIR)/migrations $(DESTDIR)$(SQL_DIR)/api $(DESTDIR)$(PREFIX)/share/errtrack/ui
	install $(BUILD)/errtrack-worker $(BUILD)/errtrack $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(MODULES) $(DESTDIR)$(MODULES_DIR)
	install sql/migrate $(DESTDIR)$(SQL_DIR)
	install -m 644 sql/roles.sql sql/migrations.sql sql/grafana.json $(DESTDIR)$(SQL_DIR)
	install -m 644 sql/migrations/*.sql $(DESTDIR)$(SQL_DIR)/migrations
	install -m 644 sql/api/*.sql $(DESTDIR)$(SQL_DIR)/api
	install -m 644 ngx_module/ui.conf $(DESTDIR)$(PREFIX)/share/errtrack
	install -m 644 ngx_module/ui/* $(DESTDIR)$(PREFIX)/share/errtrack/ui

# ---- tests ------------------------------------------------------------------

# t/unit.t runs the unit tests and t/fuzz.t the fuzzers, so that prove counts all there is.
# Some take long, as they are about upgrades, floods, clocks and many processes that are
# killed: make test-long has them.
ALL_TESTS  := $(wildcard t/*.t)
LONG_TESTS := $(patsubst %,t/%.t,cardinality distributable export_refused floods import_crafted large_slow ledger_at_exit \
              migrations migrations_locks notifications_flood notifications_killed out_of_time pgbouncer redis_everysec retention rolling_upgrade \
              slow_clients sql_contract_upgrade)
TESTS      ?= $(filter-out $(LONG_TESTS),$(ALL_TESTS))

# Those that hardly run anything of ours but SQL: sanitizers have nothing to see there.
SQL_TESTS  := $(patsubst %,t/%.t,backup distributable export_refused import_blocked import_crafted migrations migrations_locks \
              notifications_flood pgtap report_user report_user_hostile report_user_projects report_views rolling_upgrade schema \
              schema_version sql_contract sql_contract_functions sql_contract_plans sql_contract_upgrade sql_queries)

# Those with a browser: what they look at is the page.
PAGE_TESTS := $(wildcard t/page_*.t)

# A disk that stands still for seconds, since others write much, looks to the edge like a
# Redis that does. Services that are killed lose no memory of the kernel's, so their files
# lie there where it has 2 GB, unless TMPDIR says otherwise.
TMP = $(if $(TMPDIR),,$(shell df -Pk /dev/shm 2>/dev/null | awk '$$1 == "tmpfs" && $$4 > 2000000 {print "TMPDIR=/dev/shm"}'))

UNITS := $(patsubst t/unit/%.cpp,$(BUILD)/unit/%,$(wildcard t/unit/*_test.cpp))

.PHONY: units
units: $(UNITS)

unit: units             ## build and run the unit tests alone
	@for test in $(UNITS); do $$test --gtest_brief=1; done

# The parts of the modules that know nothing of nginx.
EDGE  := auth decode endpoint envelope_scan exchange form_files forms inflate json_scan json_text \
         key_snapshot ledger_table lease metrics multipart_head multipart_scan routes rules scan \
         security_scan spool_disk spool_segment store_scan url

$(BUILD)/unit/%: $(OBJ)/t/unit/%.o $(call objects,$(PURE)) $(patsubst %,$(OBJ)/ngx_module/%.o,$(EDGE))
	@mkdir -p $(@D)
	@echo "  LINK  $(notdir $@)"
	@$(CXX) $(CXXFLAGS) $(SANITIZE) -o $@ $^ -lgtest -lgtest_main -lsimdjson -ljansson -lz -lbrotlidec -lbrotlienc -lzstd $(LIBS) -lcrypto -lpthread

# These speak with servers of their own on loopback.
WEB_UNITS := $(patsubst %,$(BUILD)/unit/%_test,web_client web_guard web_mail)
$(WEB_UNITS): LIBS := -lcurl -lssl
$(WEB_UNITS): $(call objects,web_client)
DIALOGUES := $(patsubst %,$(BUILD)/unit/%_test,tracker_gitlab tracker_github tracker_other faults)
$(DIALOGUES): LIBS := -lcurl
$(DIALOGUES): $(call objects,web_client tracker tracker_api tracker_gitlab tracker_github tracker_other)

# Installs the SDKs of several languages from their registries, each version into a folder
# of build/sdk/. SDK=name for some.
SDK ?= $(patsubst t/sdk/%.t,%,$(wildcard t/sdk/*.t))

.PHONY: test-sdk
test-sdk:               ## report with the real SDKs of each language; SDK=name for some
	@t/lib/deps build run sdk
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@mkdir -p $(BUILD)/sdk; rm -rf $(BUILD)/sdk/rows; status=0; \
	    $(TMP) prove -j$(JOBS) -I t/lib $(SDK:%=t/sdk/%.t) | tee $(BUILD)/sdk/prove.txt || status=$$?; \
	    t/sdk/table; grep -E '^(All tests|Files=|Result:)' $(BUILD)/sdk/prove.txt; exit $$status

.PHONY: contract
contract:               ## add new views, columns and functions to sql/contract/snapshot
	@ERRTRACK_CONTRACT=1 $(TMP) prove -q -I t/lib t/sql_contract.t

.PHONY: schema
schema:                 ## write down what the migrations come to, in sql/schema.sql
	@t/lib/deps run
	@mkdir -p $(BUILD); t/schema > $(BUILD)/schema.sql && mv $(BUILD)/schema.sql sql/schema.sql

# ---- faults --------------------------------------------------------------------

.PHONY: chaos
chaos:                  ## let everything happen for half an hour, and count; SEED=n for the same again
	@t/lib/deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@ERRTRACK_SECONDS=$${ERRTRACK_SECONDS:-1800} $(if $(SEED),ERRTRACK_SEED=$(SEED)) $(TMP) prove -v -I t/lib t/chaos.t

# ---- benchmarks ----------------------------------------------------------------

# The floor of the edge is a module of nginx of its own, built in the same way.
BENCH_BUILD := $(BUILD)/bench/nginx
BENCH       ?= start edge flood worker query sql page

.PHONY: bench bench-compare bench-data floor clients soak
bench:                  ## measure each part against its floor, into build/bench.json
	@t/lib/deps build run bench
	@$(MAKE) --no-print-directory -j$(JOBS) modules worker floor clients
	@for part in $(BENCH); do case $$part in query|sql|page) t/bench/data;; esac; t/bench/$$part; done

bench-compare:          ## measure a commit, BASE=HEAD~1, and this tree in turns; BENCH=worker for a section
	@t/lib/deps build run bench
	@$(MAKE) --no-print-directory -j$(JOBS) modules worker floor clients
	@t/bench/compare $(or $(BASE),HEAD) $(BENCH)

soak:                   ## an hour of a steady load: memory, files and unused space of tables over time
	@t/lib/deps build run bench
	@$(MAKE) --no-print-directory -j$(JOBS) modules worker
	@t/bench/soak

bench-data:             ## make the data that sections query and sql of the benchmark ask for
	@t/lib/deps build run bench
	@t/bench/data

floor: $(BENCH_BUILD)/Makefile
	@$(MAKE) -s -C $(NGINX_SRC) -f $< modules

$(BENCH_BUILD)/Makefile: t/bench/config
	$(call configure,$(CURDIR)/t/bench,$(BENCH_BUILD))

# What sends floods, in t/floods.t too.
clients: $(BUILD)/bench/client

$(BUILD)/bench/client: $(OBJ)/t/bench/client.o
	@mkdir -p $(@D)
	@echo "  LINK  bench/$(notdir $@)"
	@$(CXX) $(CXXFLAGS) $(SANITIZE) -o $@ $^

# Programs that measure one part, to be run by hand.
$(BUILD)/bench/%: $(OBJ)/t/bench/%.o $(call objects,$(PURE))
	@mkdir -p $(@D)
	@echo "  LINK  bench/$*"
	@$(CXX) $(CXXFLAGS) -o $@ $^ -lsimdjson -lz -lbrotlidec -lzstd -lcrypto

# ---- sanitizers and fuzzing ---------------------------------------------------

# What is undefined ends the process as a bad address does, so that no test passes over it.
SANITIZERS := address,undefined -fno-sanitize-recover=undefined

# nginx itself has no sanitizer, so its library comes first; libstdc++ next to it, or
# exceptions would pass by the interceptor.
ASAN_PRELOAD = $(shell $(CXX) -print-file-name=libasan.so) $(shell $(CXX) -print-file-name=libstdc++.so)

.PHONY: test-long asan fuzz fuzzers
test-long asan: TESTS = $(filter-out $(SQL_TESTS) $(PAGE_TESTS),$(ALL_TESTS))
test-long: asan         ## the tests that take long: those with sanitizers, upgrades, counts under 50 kills, five minutes of chaos, 10,000 requests
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@ERRTRACK_PLANS=force_custom_plan $(TMP) prove -j$(JOBS) -I t/lib $(filter $(SQL_TESTS),$(LONG_TESTS))
	@ERRTRACK_EVENTS=$${ERRTRACK_EVENTS:-100000} ERRTRACK_KILLS=$${ERRTRACK_KILLS:-50} $(TMP) prove -I t/lib t/exact_counts.t
	@ERRTRACK_SECONDS=$${ERRTRACK_SECONDS:-300} ERRTRACK_SEED=$${ERRTRACK_SEED:-1} $(TMP) prove -v -I t/lib t/chaos.t
	@ERRTRACK_REQUESTS=$${ERRTRACK_REQUESTS:-10000} ERRTRACK_SEED=$${ERRTRACK_SEED:-1} $(TMP) prove -I t/lib t/openapi_properties.t

# Its queries are planned for the values of each call, as the first calls of any session
# are: what such a plan computes too early is met by chance otherwise.
asan:                   ## build with sanitizers and run the tests of what is built
	@t/lib/deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/asan CXXFLAGS="-O1 -g -fno-omit-frame-pointer -Wno-maybe-uninitialized" \
	    SANITIZE="-fsanitize=$(SANITIZERS)" all units clients
	@ERRTRACK_PLANS=force_custom_plan ERRTRACK_BUILD=$(BUILD)/asan ERRTRACK_PRELOAD="$(ASAN_PRELOAD)" UBSAN_OPTIONS=print_stacktrace=1 \
	    LSAN_OPTIONS=suppressions=$(CURDIR)/t/lib/leaks:print_suppressions=0 \
	    $(TMP) prove -j$(JOBS) -I t/lib $(TESTS)

# Each t/fuzz/NAME_fuzz.cpp is a fuzzer; t/fuzz/corpus/NAME has inputs to begin with. What
# a run adds to them stays in build/fuzz/corpus/, and what a fuzzer fails on in build/fuzz/.
FUZZ_DIR := $(BUILD)/fuzz
FUZZERS  := $(patsubst t/fuzz/%_fuzz.cpp,$(FUZZ_DIR)/%,$(wildcard t/fuzz/*_fuzz.cpp))
FUZZ_CXX := clang++ -std=c++20 $(WARNINGS) -O1 -g -fsanitize=$(SANITIZERS)
FUZZ_LIB := $(FUZZ_DIR)/parts.a
FUZZ     ?= $(notdir $(FUZZERS))
TIME     ?= 60

fuzzers: $(FUZZERS)     ## build the fuzzers

fuzz:                   ## run the fuzzers, TIME seconds each (60); FUZZ=name for some
	@t/lib/deps build fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) fuzzers
	@$(MAKE) --no-print-directory -k -j$(JOBS) --output-sync=target $(FUZZ:%=fuzz-run-%)

fuzz-run-%: $(FUZZ_DIR)/%
	@mkdir -p $(FUZZ_DIR)/corpus/$*
	@echo "  FUZZ  $*"
	@$< -max_total_time=$(TIME) -timeout=5 -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=$(FUZZ_DIR)/$*- $(FUZZ_DIR)/corpus/$* $(wildcard t/fuzz/corpus/$*)

$(FUZZ_DIR)/obj/%.o: %.cpp
	@mkdir -p $(@D)
	@echo "  FUZZ  $<"
	@$(FUZZ_CXX) -fsanitize=fuzzer-no-link -I. -MMD -MP -c -o $@ $<

$(FUZZ_LIB): $(patsubst %,$(FUZZ_DIR)/obj/worker/%.o,$(PURE)) $(patsubst %,$(FUZZ_DIR)/obj/ngx_module/%.o,$(EDGE))
	@rm -f $@; ar rcs $@ $^

$(FUZZERS): $(FUZZ_DIR)/%: $(FUZZ_DIR)/obj/t/fuzz/%_fuzz.o $(FUZZ_LIB)
	@echo "  LINK  fuzz/$*"
	@$(FUZZ_CXX) -fsanitize=fuzzer -o $@ $^ -lsimdjson -ljansson -lz -lbrotlidec -lbrotlienc -lzstd -lcrypto -lpthread

# ---- coverage -----------------------------------------------------------------

# Those of PURE and EDGE that read what the public sends. The others make what is sent to
# people, keep files and counters, or read what only maintainers write.
PARSERS := $(patsubst %,worker/%.cpp,$(filter-out $(CHANNELS) address_guard event_settings explanation limits mail_message markdown \
               rule_trial seal secret_store tracker_text web_request,$(PURE))) \
           $(patsubst %,ngx_module/%.cpp,$(filter-out key_snapshot ledger_table lease metrics spool_disk,$(EDGE)))
COVERAGE := $(BUILD)/coverage
REPLAYS  := $(patsubst t/fuzz/%_fuzz.cpp,$(BUILD)/replay/%,$(wildcard t/fuzz/*_fuzz.cpp))

.PHONY: coverage replays
coverage:               ## tell which lines of the parsers unit tests and fuzzers' inputs reach
	@t/lib/deps build coverage
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(COVERAGE) CXX=clang++ CXXFLAGS="-O1 -fprofile-instr-generate -fcoverage-mapping" \
	    replays $(patsubst $(BUILD)/%,$(COVERAGE)/%,$(filter-out $(WEB_UNITS) $(DIALOGUES),$(UNITS)))
	@t/coverage $(COVERAGE) $(PARSERS)

replays: $(REPLAYS)

# The fuzzers, only to run inputs that there are: from the same objects as the unit tests.
$(BUILD)/replay/%: $(OBJ)/t/fuzz/%_fuzz.o $(call objects,$(PURE)) $(patsubst %,$(OBJ)/ngx_module/%.o,$(EDGE))
	@mkdir -p $(@D)
	@echo "  LINK  replay/$*"
	@$(CXX) $(CXXFLAGS) -fsanitize=fuzzer -o $@ $^ -lsimdjson -ljansson -lz -lbrotlidec -lbrotlienc -lzstd -lcrypto -lpthread

# ---- static checks ------------------------------------------------------------

# clang-tidy takes seconds for each file, most of them for its static analyzer. That one
# reads what meets bytes of the public: all of the modules, and the parsers of the worker but
# those that group what they have read. What was found to be good is not read again until it
# or a header that it includes changes.
TIDY     := $(wildcard worker/*.cpp ngx_module/*.cpp)
ANALYZED := $(filter-out $(GROUPING:%=worker/%.cpp),$(filter worker/%,$(PARSERS))) $(wildcard ngx_module/*.cpp)
TIDY_DIR := $(BUILD)/lint
TIDIED   := $(TIDY:%=$(TIDY_DIR)/%.tidy)
SCRIPTS   = $(shell git grep -lE '^\#!.*$(1)$$' -- . ':!*.md')

.PHONY: lint lint-cppcheck lint-perl lint-shell tidy
lint:                   ## look for faults without running anything: clang-tidy, cppcheck, shellcheck, perlcritic
	@t/lib/deps build lint
	@$(MAKE) --no-print-directory $(NGINX_BUILD)/Makefile
	@$(MAKE) --no-print-directory -k -j$(JOBS) --output-sync=target lint-shell lint-perl lint-cppcheck tidy

lint-shell:
	@echo "  LINT  shell"
	@shellcheck -S warning $(call SCRIPTS,(sh|bash))

lint-perl:
	@echo "  LINT  perl"
	@perlcritic --quiet --profile .perlcriticrc $(wildcard t/*.t t/sdk/*.t t/lib/*.pm t/lib/*/*.pm t/lib/*/*/*.pm) $(call SCRIPTS,perl)

lint-cppcheck:
	@echo "  LINT  worker, ngx_module"
	@mkdir -p $(TIDY_DIR)/cppcheck
	@cppcheck -q --std=c++20 --language=c++ --enable=warning,performance,portability --suppressions-list=.cppcheck \
	    --cppcheck-build-dir=$(TIDY_DIR)/cppcheck --error-exitcode=1 -I. worker ngx_module

tidy: $(TIDIED)

$(TIDY_DIR)/worker/%.tidy: TIDY_FLAGS := -std=c++20
$(TIDY_DIR)/ngx_module/%.tidy: TIDY_FLAGS := -std=c++17 -isystem $(NGINX_BUILD) \
    $(patsubst %,-isystem $(NGINX_SRC)/%,$(filter src/%,$(NGINX_HEADERS)))

$(TIDIED): $(TIDY_DIR)/%.tidy: % .clang-tidy
	@mkdir -p $(@D)
	@echo "  TIDY  $<"
	@clang-tidy --quiet $(if $(filter $<,$(ANALYZED)),,--checks=-clang-analyzer-*) $< -- $(TIDY_FLAGS) -I. \
	    -Wall -Wextra -Wno-unused-parameter -Wreserved-identifier 2>$@.log || { cat $@.log; exit 1; }
	@$(CXX) $(TIDY_FLAGS) -I. -MM -MP -MT $@ -MF $@.d $<
	@touch $@

-include $(wildcard $(TIDY_DIR)/*/*.d)
-include $(wildcard $(OBJ)/*/*.d $(OBJ)/*/*/*.d $(FUZZ_DIR)/obj/*/*.d $(FUZZ_DIR)/obj/*/*/*.d)

clean:                  ## remove build/
	rm -rf $(BUILD)
