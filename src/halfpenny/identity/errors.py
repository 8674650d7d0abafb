"""Errors of identity. None of these discloses whether an address is known."""

from __future__ import annotations

from halfpenny.primitives.errors import (
    Forbidden,
    Malformed,
    NotFound,
    Refused,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    message = "The e-mail address or the password is wrong."


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    message = "This access token is not valid. Sign in again."


class InvalidRefreshToken(Unauthenticated):
    code = "invalid_refresh_token"
    message = "This refresh token is not valid. Sign in again."


class InvalidMailedToken(Malformed):
    code = "invalid_mailed_token"
    message = "This link is not valid any more. Ask for a new one."


class WrongRole(Forbidden):
    code = "wrong_role"
    message = "Your role may not do this."


class EmailUnverified(Forbidden):
    code = "email_unverified"
    message = "Verify your e-mail address before you move money."


class KycRequired(Forbidden):
    code = "kyc_required"
    message = "Complete the identity verification (KYC) before you move money."


class PasswordTooShort(Malformed):
    code = "password_too_short"
    message = "A password has at least 15 characters."


class PasswordTooLong(Malformed):
    code = "password_too_long"
    message = "A password has at most 256 characters."


class PasswordTooCommon(Malformed):
    code = "password_too_common"
    message = "This password is too easy to guess."


class MalformedEmail(Malformed):
    code = "malformed_email"
    message = "This is not an e-mail address."


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    message = "Too many attempts. Try again later."


class SignInBusy(Unavailable):
    code = "sign_in_busy"
    message = "Too many people are signing in at this moment. Try again."


class UserNotFound(NotFound):
    code = "user_not_found"
    message = "There is no such user."


class EmailTaken(Refused):
    code = "email_taken"
    message = "There is an account with this address already."


class NotYourself(Refused):
    code = "not_yourself"
    message = "An administrator does not change their own account."


class RoleUnchanged(Refused):
    code = "role_unchanged"
    message = "This is the account's role already."


class StaffAreInvited(Refused):
    code = "staff_are_invited"
    message = "Staff are invited: a customer's account never becomes one of staff, nor the other way."


class RefreshSuperseded(Refused):
    code = "refresh_superseded"
    message = "Another request has just used this refresh token. Use the tokens that it was given."
