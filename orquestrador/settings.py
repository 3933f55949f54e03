"""Settings of the whole product, in sections. Every value comes from the environment or `.env` in ORQ_HOME."""

from __future__ import annotations

from datetime import timedelta

import dj_database_url
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from orquestrador import env
from orquestrador.env import BASE_DIR as BASE_DIR
from orquestrador.env import ORQ_HOME as ORQ_HOME

# ── Identity ──────────────────────────────────────────────────────────────────────────────────────────────────────
ORQ_VERSION = "0.1.0"
ORQ_BOOT_ID = env.text("ORQ_BOOT_ID")  # one start of `orq up`; leases of an earlier one on this machine are void
ORQ_HOST = env.text("ORQ_HOST", "127.0.0.1")
ORQ_PORT = env.integer("ORQ_PORT", 8000)
ORQ_PRIVATE_HOSTS = env.words("ORQ_PRIVATE_HOSTS")

# ── Security ──────────────────────────────────────────────────────────────────────────────────────────────────────
DEBUG = env.boolean("ORQ_DEBUG")
SECRET_KEY = env.kept_secret("ORQ_SECRET_KEY", "secret_key")
ORQ_ENCRYPTION_KEYS = env.kept_secret("ORQ_ENCRYPTION_KEYS", "encryption_keys", prefix="k1:")
FIELD_ENCRYPTION_KEY = "A" * 43 + "="  # the library insists on one at import; apps.common.encryption replaces its cipher
ALLOWED_HOSTS = env.words("ORQ_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
if ORQ_HOST not in ("127.0.0.1", "localhost", "0.0.0.0", "::"):
    ALLOWED_HOSTS.append(ORQ_HOST)
ORQ_HTTPS = env.boolean("ORQ_HTTPS")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if ORQ_HTTPS and host != "*"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ORQ_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if ORQ_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ORQ_HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = ["security.W008", "account.W001"]  # redirecting to HTTPS is the proxy's business
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, "ws:", "wss:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
# Pages that come with Django's admin and the API's documentation have styles and code inside. They are for people who are
# signed in, and load nothing from elsewhere either. The first prefix that fits counts.
_INLINE_STYLES = {"style-src": [SELF, UNSAFE_INLINE]}
_INLINE_SCRIPTS = {"script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL], **_INLINE_STYLES}
LOOSER_POLICIES = {"/admin/": _INLINE_SCRIPTS, "/api/docs/": _INLINE_SCRIPTS, "/api/": _INLINE_STYLES}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 12_000  # a list may be sent with ten thousand ticked rows

# ── Applications ──────────────────────────────────────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "heroicons",
    "csp",
    "axes",
    "allauth",
    "allauth.account",
    "channels",
    "apps.common",
    "apps.accounts",
    "apps.providers",
    "apps.knowledge",
    "apps.tasks",
    "apps.gateway",
    "apps.chat",
    "orquestrador",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "apps.common.middleware.RequestIdMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.common.middleware.PolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "apps.common.problems.ProblemPagesMiddleware",
]
ROOT_URLCONF = "orquestrador.urls"
ASGI_APPLICATION = "orquestrador.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "orquestrador.shell.shell",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "apps.common.templatetags.orq"],
        },
    }
]

# ── Data ──────────────────────────────────────────────────────────────────────────────────────────────────────────
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_URL = env.text("DATABASE_URL") or f"sqlite:///{ORQ_HOME / 'orquestrador.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(DATABASE_URL)}
DB_IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if DB_IS_SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a reader that becomes a writer half-way would fail at once, whatever the time-out
        "timeout": 30,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000; PRAGMA mmap_size=134217728;"
        ),
    }
else:
    env.mysql_driver()
    DATABASES["default"]["OPTIONS"] = {
        "charset": "utf8mb4",
        "init_command": "SET sql_mode='STRICT_TRANS_TABLES', innodb_lock_wait_timeout=30",
        "isolation_level": "read committed",
    }
REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Parts of pages that are drawn once: of each process, since fetching fifty of them would take longer than drawing.
    "parts": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "parts",
        "OPTIONS": {"MAX_ENTRIES": 1500},
    },
}
CHANNEL_LAYERS = {}
if REDIS_URL:
    CHANNEL_LAYERS["default"] = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}

# ── Background work ───────────────────────────────────────────────────────────────────────────────────────────────
ORQ_TASKS_AT_ONCE = env.integer("ORQ_TASKS_AT_ONCE", 5)
ORQ_TASK_TIME_LIMIT_S = env.integer("ORQ_TASK_TIME_LIMIT_S", 30 * 60)
ORQ_WAIT_FOR_PLACE_S = env.integer("ORQ_WAIT_FOR_PLACE_S", 60)  # how long a call waits for a provider with a limit of calls
ORQ_GATEWAY_MOST_TEXT = env.integer("ORQ_GATEWAY_MOST_TEXT", 2_000_000)  # bytes of text in one request, without pictures
ORQ_ATTACHED_MOST_MB = env.integer("ORQ_ATTACHED_MOST_MB", 20)  # of one file in a chat
ORQ_ATTACHED_MOST_FILES = env.integer("ORQ_ATTACHED_MOST_FILES", 10)  # of one message
ORQ_ATTACHED_MOST_CHARS = env.integer("ORQ_ATTACHED_MOST_CHARS", 1_000_000)  # of the text of one file
ORQ_ATTACHED_MOST_PAGES = env.integer("ORQ_ATTACHED_MOST_PAGES", 1_000)  # of one PDF
ORQ_LEASE_S = env.integer("ORQ_LEASE_S", 20)  # how long a silent worker keeps its task
_DOORBELLS = ORQ_HOME / "run" / "broker"
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL") or "orqfiles://localhost//"  # orquestrador.filebroker
CELERY_BROKER_IS_EMBEDDED = CELERY_BROKER_URL.startswith("orqfiles")
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "data_folder_in": str(_DOORBELLS / "queue"),
        "data_folder_out": str(_DOORBELLS / "queue"),
        "control_folder": str(_DOORBELLS / "control"),
        "processed_folder": str(_DOORBELLS / "done"),
        "polling_interval": 0.1,
    }
    if CELERY_BROKER_IS_EMBEDDED
    else {}
)
if CELERY_BROKER_IS_EMBEDDED:
    for folder in ("queue", "control", "done"):
        (_DOORBELLS / folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # what a job gives is a row, never a message
CELERY_TASK_ACKS_LATE = False  # a message is a doorbell; the row with its lease is the truth
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
ORQ_OWNER_EMAIL = env.text("ORQ_OWNER_EMAIL")  # the owner made at the first start; without them a one-time link is printed
ORQ_OWNER_PASSWORD = env.text("ORQ_OWNER_PASSWORD")
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = reverse_lazy("accounts:sign_in")
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "email"
AXES_LOCKOUT_CALLABLE = "apps.accounts.views.sign_in.locked_out"
AXES_VERBOSE = False

# ── API ───────────────────────────────────────────────────────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "apps.common.paging.CursorPages",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.common.api.problem_response",
    "PAGE_SIZE": 50,
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": True,
    "CHECK_REVOKE_TOKEN": True,  # a new password ends the tokens that were issued before it
    "USER_ID_FIELD": "public_id",
    "USER_ID_CLAIM": "sub",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Orquestrador",
    "DESCRIPTION": "Many AIs, one answer that was checked.",
    "VERSION": ORQ_VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "apps.tasks.models.TaskStatus",
        "SubtaskStatus": "apps.tasks.models.SubtaskStatus",
        "ProviderStatus": "apps.providers.models.Provider.Status",
        "StateEnum": "apps.providers.models.AIModel.State",
        "DownloadState": "apps.providers.models.ModelDownload.State",
        "TrialStatus": "apps.providers.models.TrialStatus",
        "TrialAnswerStatus": "apps.providers.models.AnswerStatus",
        "BudgetPeriod": "apps.providers.models.Budget.Period",
        "VirtualKeyState": ["off", "expired", "good"],
        "ExecutionStatus": "apps.tasks.models.TaskExecution.Status",
        "ABTestStatus": "apps.tasks.models.routing.ABTest.Status",
        "RoutingStrategy": "apps.tasks.models.routing.Strategy.choices",
        "ModelTier": "apps.tasks.models.routing.TIER_CHOICES",
        "SpecializedAIRole": "apps.providers.models.SpecializedAI.Role",
        "TeamRole": "apps.accounts.models.Role",
        "HealthStatus": "apps.common.health.STATUSES",
        "PartStatus": "apps.common.health.PART_STATUSES",
        "TaskPriority": ["low", "medium", "high", "urgent"],
        "ResultThumbValue": [(1, 1), (-1, -1)],
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "apps.common.schema.with_problems"],
}

# ── Language, time, files ─────────────────────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = env.text("ORQ_LANGUAGE", "en")
LANGUAGES = [("en", _("English")), ("pt-br", _("Portuguese (Brazil)"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "orq_language"
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "/static/"
STATIC_ROOT = ORQ_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": ORQ_HOME / "files"}},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
UNFOLD = {"SITE_TITLE": "Orquestrador", "SITE_HEADER": "Orquestrador", "SITE_URL": "/", "SHOW_VIEW_ON_SITE": False}

# ── Mail ──────────────────────────────────────────────────────────────────────────────────────────────────────────
EMAIL_HOST = env.text("ORQ_SMTP_HOST")
EMAIL_PORT = env.integer("ORQ_SMTP_PORT", 587)
EMAIL_HOST_USER = env.text("ORQ_SMTP_USER")
EMAIL_HOST_PASSWORD = env.text("ORQ_SMTP_PASSWORD")
EMAIL_USE_TLS = env.boolean("ORQ_SMTP_TLS", True)
DEFAULT_FROM_EMAIL = env.text("ORQ_MAIL_FROM", "orquestrador@localhost")

# ── Logs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
ORQ_LOG_LEVEL = env.text("ORQ_LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "apps.common.logs.LineFormatter"}},
    "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stream"], "level": ORQ_LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
    },
}
