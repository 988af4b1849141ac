"""The log-in of FastAPI's tutorial ("OAuth2 with Password (and hashing), Bearer with JWT tokens"),
with its users in PostgreSQL as in the tutorial's page on SQL databases.

Only the hash differs between the two that the bench runs: BENCH_HASH is bcrypt or argon2.

    python fastapi_app.py    makes the table and its users
    uvicorn fastapi_app:app  serves
"""

import os
from datetime import datetime, timedelta, timezone
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

SECRET_KEY = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
ALGORITHM = "HS256"
ACCESS_TOKEN_EXPIRE_MINUTES = 30

HASHERS = {
    "bcrypt": lambda: BcryptHasher(rounds=12),
    # The cost that Passgate has by default.
    "argon2": lambda: Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),
}
password_hash = PasswordHash((HASHERS[os.environ["BENCH_HASH"]](),))

url = os.environ["BENCH_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
engine = create_engine(url)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True, index=True)
    hashed_password: Mapped[str]
    disabled: Mapped[bool] = mapped_column(default=False)


app = FastAPI()


def get_session():
    with Session(engine) as session:
        yield session


def authenticate_user(session: Session, username: str, password: str):
    user = session.scalar(select(User).where(User.username == username))
    if not user:
        return False
    if not password_hash.verify(password, user.hashed_password):
        return False
    return user


def create_access_token(data: dict, expires_delta: timedelta):
    to_encode = data.copy()
    to_encode.update({"exp": datetime.now(timezone.utc) + expires_delta})
    return jwt.encode(to_encode, SECRET_KEY, algorithm=ALGORITHM)


@app.post("/token")
async def login_for_access_token(
    form_data: Annotated[OAuth2PasswordRequestForm, Depends()],
    session: Annotated[Session, Depends(get_session)],
):
    user = authenticate_user(session, form_data.username, form_data.password)
    if not user:
        raise HTTPException(
            status_code=status.HTTP_401_UNAUTHORIZED,
            detail="Incorrect username or password",
            headers={"WWW-Authenticate": "Bearer"},
        )
    access_token = create_access_token(
        data={"sub": user.username}, expires_delta=timedelta(minutes=ACCESS_TOKEN_EXPIRE_MINUTES)
    )
    return {"access_token": access_token, "token_type": "bearer"}


if __name__ == "__main__":
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    # One hash for all: checking it costs the same, and making a thousand takes minutes.
    hashed = password_hash.hash(os.environ["BENCH_PASSWORD"])
    with Session(engine) as session:
        count = int(os.environ["BENCH_USERS"])
        session.add_all(
            User(username=f"user{n}", hashed_password=hashed) for n in range(count)
        )
        session.commit()
